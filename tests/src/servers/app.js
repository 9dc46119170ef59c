// Node's own HTTP server with answers for the live tests.
//
// app.js PORT [CERTIFICATES] prints a JSON line for every exchange it has answered; with a folder of
// certificates it speaks TLS.
// GET /length/N, /chunked/N; POST anything gives its length.
const fs = require('fs');
const http = require('http');
const https = require('https');

function body(request, received) {
  const [, word, number] = request.url.split('?')[0].split('/');
  if (request.method === 'POST') return { status: 200, word: 'length', content: Buffer.from(String(received)) };
  if (word !== 'length' && word !== 'chunked') return { status: 404, word: 'length', content: Buffer.alloc(0) };
  return { status: 200, word, content: Buffer.alloc(Number(number), 'x') };
}

function send(response, { status, word, content }) {
  response.statusCode = status;
  if (word === 'length') {
    response.setHeader('Content-Length', content.length);
    response.end(content);
    return;
  }
  for (let start = 0; start < content.length; start += 10000) response.write(content.subarray(start, start + 10000));
  response.end();
}

function answer(request, response, received) {
  const answered = body(request, received);
  const line = {
    method: request.method,
    target: request.url,
    status: answered.status,
    port: request.socket.remotePort,
    pid: process.pid,
    body_bytes: answered.content.length,
  };
  if (request.socket.getProtocol) line.tls = request.socket.getProtocol();
  response.on('finish', () => console.log(JSON.stringify(line)));
  send(response, answered);
}

function take(request, response) {
  let received = 0;
  request.on('data', (piece) => (received += piece.length));
  request.on('end', () => answer(request, response, received));
}

function create() {
  const folder = process.argv[3];
  if (!folder) return http.createServer(take);
  const read = (name) => fs.readFileSync(`${folder}/${name}`);
  return https.createServer({ cert: read('server.pem'), key: read('server.key') }, take);
}

create().listen(Number(process.argv[2]), '127.0.0.1');
