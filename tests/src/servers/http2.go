// Go's own HTTP/2 server and client for the live tests.
//
// http2 serve PORT [CERTIFICATES] prints a JSON line for every exchange that is over; with a folder of
// certificates it speaks TLS.
// GET /length/N, /chunked/N, /trailers/N; /slow goes on until the client has enough; POST anything
// gives its length.
// http2 ask PORT [CA NAME] reads commands (see http2.rs) and asks over one connection.
package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

type line struct {
	Method string `json:"method"`
	Target string `json:"target"`
	Status int    `json:"status"`
	Port   int    `json:"port"`
	Pid    int    `json:"pid"`
	Body   int    `json:"body_bytes"`
	TLS    string `json:"tls,omitempty"`
}

var output sync.Mutex

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func number(text string) int {
	number, err := strconv.Atoi(text)
	check(err)
	return number
}

func protocols() *http.Protocols {
	var both http.Protocols
	both.SetHTTP2(true)
	both.SetUnencryptedHTTP2(true)
	return &both
}

// === the server ===

func content(response http.ResponseWriter, request *http.Request) (int, []byte) {
	received, err := io.Copy(io.Discard, request.Body)
	check(err)
	words := strings.Split(request.URL.Path, "/")
	if request.Method == "POST" {
		return 200, []byte(strconv.FormatInt(received, 10))
	}
	if len(words) != 3 {
		return 404, nil
	}
	body := bytes.Repeat([]byte("x"), number(words[2]))
	switch words[1] {
	case "length":
		response.Header().Set("Content-Length", words[2])
	case "trailers":
		response.Header().Set("Trailer", "X-Check")
	}
	return 200, body
}

func goOn(response http.ResponseWriter, request *http.Request) {
	for request.Context().Err() == nil {
		response.Write(bytes.Repeat([]byte("x"), 1000))
		response.(http.Flusher).Flush()
		time.Sleep(20 * time.Millisecond)
	}
}

func answer(response http.ResponseWriter, request *http.Request) {
	told := line{Method: request.Method, Target: request.RequestURI, Pid: os.Getpid()}
	_, port, err := net.SplitHostPort(request.RemoteAddr)
	check(err)
	told.Port = number(port)
	if request.TLS != nil {
		told.TLS = map[uint16]string{tls.VersionTLS12: "TLSv1.2", tls.VersionTLS13: "TLSv1.3"}[request.TLS.Version]
	}
	if request.URL.Path == "/slow" {
		goOn(response, request)
		told.Status = 200
	} else {
		status, body := content(response, request)
		response.WriteHeader(status)
		response.Write(body)
		response.Header().Set("X-Check", "abc")
		told.Status, told.Body = status, len(body)
	}
	text, err := json.Marshal(told)
	check(err)
	output.Lock()
	defer output.Unlock()
	fmt.Printf("%s\n", text)
}

func serve(port string, folder []string) {
	server := http.Server{Addr: "127.0.0.1:" + port, Handler: http.HandlerFunc(answer), Protocols: protocols()}
	if len(folder) == 0 {
		check(server.ListenAndServe())
	}
	check(server.ListenAndServeTLS(folder[0]+"/server.pem", folder[0]+"/server.key"))
}

// === the client ===

type client struct {
	http.Client
	url string
}

func newClient(words []string) *client {
	transport := &http.Transport{Protocols: protocols()}
	url := "http://127.0.0.1:" + words[0]
	if len(words) > 1 {
		trusted := x509.NewCertPool()
		certificate, err := os.ReadFile(words[1])
		check(err)
		trusted.AppendCertsFromPEM(certificate)
		transport.TLSClientConfig = &tls.Config{RootCAs: trusted, ServerName: words[2]}
		url = "https://127.0.0.1:" + words[0]
	} else {
		transport.Protocols.SetHTTP1(false)
	}
	return &client{http.Client{Transport: transport}, url}
}

func (client *client) one(method, path string, body io.Reader, enough bool) (int, int) {
	background, cancel := context.WithCancel(context.Background())
	defer cancel()
	request, err := http.NewRequestWithContext(background, method, client.url+path, body)
	check(err)
	response, err := client.Do(request)
	check(err)
	if enough {
		read, err := response.Body.Read(make([]byte, 100))
		check(err)
		cancel()
		return response.StatusCode, read
	}
	content, err := io.ReadAll(response.Body)
	check(err)
	return response.StatusCode, len(content)
}

func (client *client) obey(words []string) (int, int) {
	switch words[0] {
	case "post":
		return client.one("POST", words[1], bytes.NewReader(make([]byte, number(words[2]))), false)
	case "cancel":
		return client.one("GET", words[1], nil, true)
	}
	statuses, sizes := make([]int, len(words)), make([]int, len(words))
	var all sync.WaitGroup
	for index, path := range words {
		all.Add(1)
		go func() {
			defer all.Done()
			statuses[index], sizes[index] = client.one("GET", path, nil, false)
		}()
	}
	all.Wait()
	sum := 0
	for _, size := range sizes {
		sum += size
	}
	return statuses[len(words)-1], sum
}

func main() {
	if os.Args[1] == "serve" {
		serve(os.Args[2], os.Args[3:])
	}
	client := newClient(os.Args[2:])
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		status, sum := client.obey(strings.Fields(lines.Text()))
		fmt.Println(status, sum)
	}
}
