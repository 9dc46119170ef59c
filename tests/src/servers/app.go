// Go's own HTTPS server and client for the live tests, without HTTP/2.
//
// app serve PORT CERTIFICATES prints a JSON line for every exchange it has answered: GET /length/N,
// /chunked/N; POST anything gives its length.
// app ask PORT CA NAME CONNECTIONS asks three times over each connection, all at the same time, and
// prints a line for each.
package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"strconv"
	"strings"
	"sync"
)

type line struct {
	Method string `json:"method"`
	Target string `json:"target"`
	Status int    `json:"status"`
	Port   int    `json:"port"`
	Pid    int    `json:"pid,omitempty"`
	Body   int    `json:"body_bytes"`
	TLS    string `json:"tls,omitempty"`
}

var output sync.Mutex

func tell(told line) {
	text, err := json.Marshal(told)
	check(err)
	output.Lock()
	defer output.Unlock()
	fmt.Printf("%s\n", text)
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func portOf(address string) int {
	_, text, err := net.SplitHostPort(address)
	check(err)
	port, err := strconv.Atoi(text)
	check(err)
	return port
}

func answer(response http.ResponseWriter, request *http.Request) {
	received, err := io.Copy(io.Discard, request.Body)
	check(err)
	words := strings.Split(request.URL.Path, "/")
	status, content, chunked := 404, []byte("nothing there"), false
	if request.Method == "POST" {
		status, content = 200, []byte(strconv.FormatInt(received, 10))
	} else if len(words) == 3 && (words[1] == "length" || words[1] == "chunked") {
		number, err := strconv.Atoi(words[2])
		check(err)
		status, content, chunked = 200, bytes.Repeat([]byte("x"), number), words[1] == "chunked"
	}
	if !chunked {
		response.Header().Set("Content-Length", strconv.Itoa(len(content)))
	}
	response.WriteHeader(status)
	if chunked {
		response.(http.Flusher).Flush()
	}
	_, err = response.Write(content)
	check(err)
	version := map[uint16]string{tls.VersionTLS12: "TLSv1.2", tls.VersionTLS13: "TLSv1.3"}
	tell(line{request.Method, request.RequestURI, status, portOf(request.RemoteAddr), os.Getpid(),
		len(content), version[request.TLS.Version]})
}

func serve(port, folder string) {
	server := http.Server{
		Addr:         "127.0.0.1:" + port,
		Handler:      http.HandlerFunc(answer),
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){},
	}
	check(server.ListenAndServeTLS(folder+"/server.pem", folder+"/server.key"))
}

func ask(client *http.Client, url, target string) {
	told := line{Method: "GET", Target: target}
	request, err := http.NewRequest("GET", url+target, nil)
	check(err)
	trace := httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		told.Port = portOf(info.Conn.LocalAddr().String())
	}}
	request = request.WithContext(httptrace.WithClientTrace(request.Context(), &trace))
	response, err := client.Do(request)
	check(err)
	content, err := io.ReadAll(response.Body)
	check(err)
	check(response.Body.Close())
	told.Status, told.Body = response.StatusCode, len(content)
	tell(told)
}

func talk(port, name string, number int, trusted *x509.CertPool) {
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: trusted, ServerName: name},
		TLSNextProto:    map[string]func(string, *tls.Conn) http.RoundTripper{},
	}
	client := &http.Client{Transport: transport}
	for turn := 0; turn < 3; turn++ {
		ask(client, "https://127.0.0.1:"+port, fmt.Sprintf("/length/%d?number=%d&turn=%d", 10+30000*turn, number, turn))
	}
	transport.CloseIdleConnections()
}

func main() {
	if os.Args[1] == "serve" {
		serve(os.Args[2], os.Args[3])
	}
	trusted := x509.NewCertPool()
	certificate, err := os.ReadFile(os.Args[3])
	check(err)
	trusted.AppendCertsFromPEM(certificate)
	connections, err := strconv.Atoi(os.Args[5])
	check(err)
	var all sync.WaitGroup
	for number := 0; number < connections; number++ {
		all.Add(1)
		go func(number int) {
			defer all.Done()
			talk(os.Args[2], os.Args[4], number, trusted)
		}(number)
	}
	all.Wait()
}
