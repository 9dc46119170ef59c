// OpenSSL linked into a program, for the live tests: a server and a client with blocking sockets, a
// thread for each connection.
//
// linked serve PORT CERTIFICATES prints a JSON line for every exchange it has answered: GET
// /length/N, and no content to anything else. It calls SSL_read and SSL_write.
// linked ask PORT CA NAME CONNECTIONS asks three times over each connection, all at the same time,
// and prints a line for each. It calls SSL_read_ex and SSL_write_ex.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHECK(truth)                                            \
  do {                                                          \
    if (!(truth)) {                                             \
      fprintf(stderr, "line %d: not %s\n", __LINE__, #truth);   \
      ERR_print_errors_fp(stderr);                              \
      exit(1);                                                  \
    }                                                           \
  } while (0)

// One connection, and what came over it that is not used yet.
struct wire {
  SSL *ssl;
  int socket;
  size_t length;
  char text[1 << 16];
};

static SSL_CTX *context;
static const char *name; // The client's.
static struct sockaddr_in address = {.sin_family = AF_INET};

static struct wire *wire_over(int socket) {
  struct wire *wire = calloc(1, sizeof *wire);
  CHECK(wire && (wire->ssl = SSL_new(context)));
  CHECK(SSL_set_fd(wire->ssl, wire->socket = socket) == 1);
  return wire;
}

static void wire_close(struct wire *wire) {
  SSL_free(wire->ssl);
  close(wire->socket);
  free(wire);
}

// Waits for more of what comes; false at its end.
static bool more(struct wire *wire) {
  char *to = wire->text + wire->length;
  size_t room = sizeof wire->text - 1 - wire->length, got = 0;
  CHECK(room > 0);
  if (name) {
    if (SSL_read_ex(wire->ssl, to, room, &got) != 1) return false;
  } else {
    int result = SSL_read(wire->ssl, to, (int)room);
    if (result <= 0) return false;
    got = (size_t)result;
  }
  wire->length += got;
  wire->text[wire->length] = 0;
  return true;
}

static void put(struct wire *wire, const char *bytes, size_t count) {
  size_t done = 0;
  if (count == 0) return;
  if (name) {
    CHECK(SSL_write_ex(wire->ssl, bytes, count, &done) == 1 && done == count);
  } else {
    CHECK(SSL_write(wire->ssl, bytes, (int)count) == (int)count);
  }
}

static void drop(struct wire *wire, size_t count) {
  wire->length -= count;
  memmove(wire->text, wire->text + count, wire->length + 1);
}

// Takes a message: its first line, and the length of its content. False if none comes any more.
static bool take(struct wire *wire, char line[1024], size_t *content) {
  char *end;
  while (!(end = strstr(wire->text, "\r\n\r\n"))) {
    if (!more(wire)) return false;
  }
  *end = 0;
  CHECK(sscanf(wire->text, "%1023[^\r]", line) == 1);
  const char *field = strcasestr(wire->text, "\r\nContent-Length:");
  *content = field ? strtoul(field + strlen("\r\nContent-Length:"), NULL, 10) : 0;
  drop(wire, (size_t)(end - wire->text) + 4);
  for (size_t left = *content; left > 0;) {
    if (wire->length == 0) CHECK(more(wire));
    size_t part = left < wire->length ? left : wire->length;
    drop(wire, part);
    left -= part;
  }
  return true;
}

// One write, so that lines of several threads stay whole.
static void tell(const char *line, int length) {
  CHECK(length > 0 && write(1, line, (size_t)length) == length);
}

static int port_at(struct wire *wire, int (*end)(int, struct sockaddr *, socklen_t *)) {
  struct sockaddr_in found;
  socklen_t size = sizeof found;
  CHECK(end(wire->socket, (struct sockaddr *)&found, &size) == 0);
  return ntohs(found.sin_port);
}

static void answer(struct wire *wire, const char *request) {
  char method[16], target[1000], line[2048];
  size_t size = 0;
  CHECK(sscanf(request, "%15s %999s", method, target) == 2);
  sscanf(target, "/length/%zu", &size);
  char *content = malloc(size + 1);
  CHECK(content);
  memset(content, 'x', size);
  const char *head = "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n";
  put(wire, line, (size_t)snprintf(line, sizeof line, head, size));
  put(wire, content, size);
  free(content);
  const char *told = "{\"method\":\"%s\",\"target\":\"%s\",\"status\":200,\"port\":%d,\"pid\":%d,"
                     "\"body_bytes\":%zu,\"tls\":\"%s\"}\n";
  tell(line, snprintf(line, sizeof line, told, method, target, port_at(wire, getpeername), getpid(),
                      size, SSL_get_version(wire->ssl)));
}

static void *serve_one(void *argument) {
  struct wire *wire = argument;
  char request[1024];
  size_t content;
  if (SSL_accept(wire->ssl) == 1) {
    while (take(wire, request, &content)) answer(wire, request);
  }
  wire_close(wire);
  return NULL;
}

static void serve(const char *folder) {
  char file[4096];
  int listening = socket(AF_INET, SOCK_STREAM, 0), on = 1;
  CHECK(context = SSL_CTX_new(TLS_server_method()));
  snprintf(file, sizeof file, "%s/server.pem", folder);
  CHECK(SSL_CTX_use_certificate_chain_file(context, file) == 1);
  snprintf(file, sizeof file, "%s/server.key", folder);
  CHECK(SSL_CTX_use_PrivateKey_file(context, file, SSL_FILETYPE_PEM) == 1);
  CHECK(setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0);
  CHECK(bind(listening, (struct sockaddr *)&address, sizeof address) == 0);
  CHECK(listen(listening, 128) == 0);
  for (;;) {
    pthread_t thread;
    int accepted = accept(listening, NULL, NULL);
    CHECK(accepted >= 0);
    CHECK(pthread_create(&thread, NULL, serve_one, wire_over(accepted)) == 0);
    CHECK(pthread_detach(thread) == 0);
  }
}

static void *ask_one(void *number) {
  char target[128], line[1024];
  struct wire *wire = wire_over(socket(AF_INET, SOCK_STREAM, 0));
  CHECK(connect(wire->socket, (struct sockaddr *)&address, sizeof address) == 0);
  CHECK(SSL_set_tlsext_host_name(wire->ssl, name) == 1 && SSL_set1_host(wire->ssl, name) == 1);
  CHECK(SSL_connect(wire->ssl) == 1);
  for (int turn = 0; turn < 3; turn++) {
    size_t content;
    int status;
    snprintf(target, sizeof target, "/length/%d?number=%d&turn=%d", 10 + 30000 * turn, *(int *)number, turn);
    const char *request = "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n";
    put(wire, line, (size_t)snprintf(line, sizeof line, request, target, name));
    CHECK(take(wire, line, &content) && sscanf(line, "HTTP/1.1 %d", &status) == 1);
    const char *told = "{\"method\":\"GET\",\"target\":\"%s\",\"status\":%d,\"port\":%d,"
                       "\"body_bytes\":%zu}\n";
    tell(line, snprintf(line, sizeof line, told, target, status, port_at(wire, getsockname), content));
  }
  SSL_shutdown(wire->ssl);
  wire_close(wire);
  return NULL;
}

static void ask(const char *authority, int connections) {
  pthread_t threads[connections];
  int numbers[connections];
  CHECK(context = SSL_CTX_new(TLS_client_method()));
  CHECK(SSL_CTX_load_verify_locations(context, authority, NULL) == 1);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
  for (int number = 0; number < connections; number++) {
    numbers[number] = number;
    CHECK(pthread_create(&threads[number], NULL, ask_one, &numbers[number]) == 0);
  }
  for (int number = 0; number < connections; number++) {
    CHECK(pthread_join(threads[number], NULL) == 0);
  }
}

int main(int count, char **words) {
  CHECK(count >= 4 && signal(SIGPIPE, SIG_IGN) != SIG_ERR);
  address.sin_port = htons((uint16_t)atoi(words[2]));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (!strcmp(words[1], "serve")) serve(words[3]);
  CHECK(count == 6);
  name = words[4];
  ask(words[3], atoi(words[5]));
}
