// Node's own HTTP server with answers for the live tests.
//
// app.js PORT prints a JSON line for every exchange it has answered.
// GET /length/N, /chunked/N; POST anything gives its length.
const http = require('http');

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
  response.on('finish', () => console.log(JSON.stringify(line)));
  send(response, answered);
}

http
  .createServer((request, response) => {
    let received = 0;
    request.on('data', (piece) => (received += piece.length));
    request.on('end', () => answer(request, response, received));
  })
  .listen(Number(process.argv[2]), '127.0.0.1');
