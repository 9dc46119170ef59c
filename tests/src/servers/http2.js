// Node's own HTTP/2 server and client for the live tests.
//
// http2.js serve PORT [CERTIFICATES] prints a JSON line for every exchange that is over; with a folder
// of certificates it speaks TLS.
// GET /length/N, /chunked/N, /trailers/N; /slow goes on until the client has enough; /reset/CODE gives
// up, /abort does after a byte; POST anything gives its length.
// http2.js ask PORT [CA NAME] reads commands (see http2.rs) and asks over one connection.
const fs = require('fs');
const http2 = require('http2');
const readline = require('readline');

// === the server ===

function goOn(stream) {
  stream.respond({ ':status': 200 });
  const timer = setInterval(() => stream.write(Buffer.alloc(1000, 'x')), 20);
  stream.on('close', () => clearInterval(timer));
}

function answer(stream, headers, received) {
  const [, word, number] = headers[':path'].split('?')[0].split('/');
  if (headers[':method'] === 'POST') return send(stream, { 'content-length': String(received).length }, String(received));
  if (word === 'slow') return goOn(stream);
  if (word === 'reset') return stream.close(Number(number));
  if (word === 'abort') {
    stream.respond({ ':status': 200 });
    return stream.write('x', () => stream.destroy(new Error('enough')));
  }
  if (!['length', 'chunked', 'trailers'].includes(word)) return send(stream, { ':status': 404 }, '');
  const content = Buffer.alloc(Number(number), 'x');
  if (word === 'trailers') {
    stream.respond({ ':status': 200 }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-check': 'abc' }));
    return stream.end(content);
  }
  send(stream, word === 'length' ? { 'content-length': content.length } : {}, content);
}

function send(stream, fields, content) {
  stream.sent = content.length;
  stream.respond({ ':status': 200, ...fields });
  stream.end(content);
}

function take(stream, headers) {
  let received = 0;
  const port = stream.session.socket.remotePort;
  const tls = stream.session.encrypted ? stream.session.socket.getProtocol() : undefined;
  stream.on('error', () => {});
  stream.on('data', (piece) => (received += piece.length));
  stream.on('end', () => answer(stream, headers, received));
  stream.on('close', () => {
    const [method, target, status] = [headers[':method'], headers[':path'], stream.sentHeaders?.[':status'] ?? 0];
    const line = { method, target, status, port, pid: process.pid, tls, stream: stream.id };
    const [, word, number] = target.split('?')[0].split('/');
    const length = word === 'trailers' ? Number(number) : stream.sent;
    console.log(JSON.stringify({ ...line, body_bytes: length, reset: stream.rstCode }));
  });
}

function serve(port, folder) {
  const read = (name) => fs.readFileSync(`${folder}/${name}`);
  const server = folder
    ? http2.createSecureServer({ cert: read('server.pem'), key: read('server.key') })
    : http2.createServer();
  server.on('stream', take);
  server.listen(Number(port), '127.0.0.1');
}

// === the client ===

function one(session, headers, content, enough) {
  return new Promise((resolve) => {
    let [status, size, isDone] = [0, 0, false];
    const request = session.request(headers, { endStream: content === undefined });
    const done = () => {
      if (!isDone) resolve([status, size]);
      isDone = true;
    };
    request.on('response', (fields) => (status = fields[':status']));
    request.on('data', (piece) => {
      size += piece.length;
      if (enough) request.close(http2.constants.NGHTTP2_CANCEL);
    });
    request.on('error', done);
    request.on('close', done);
    if (content !== undefined) request.end(content);
  });
}

async function obey(session, line) {
  const words = line.trim().split(' ');
  const get = (path) => ({ ':method': 'GET', ':path': path });
  if (words[0] === 'post') return [await one(session, { ':method': 'POST', ':path': words[1] }, Buffer.alloc(Number(words[2]), 'y'))];
  if (words[0] === 'cancel') return [await one(session, get(words[1]), undefined, true)];
  return Promise.all(words.map((path) => one(session, get(path))));
}

async function ask(port, ca, name) {
  const options = ca ? { ca: fs.readFileSync(ca), servername: name } : {};
  const session = http2.connect(`${ca ? 'https' : 'http'}://127.0.0.1:${port}`, options);
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const answers = await obey(session, line);
    const sum = answers.reduce((sum, [, size]) => sum + size, 0);
    console.log(`${answers.at(-1)[0]} ${sum}`);
  }
  session.close();
}

const [what, ...words] = process.argv.slice(2);
if (what === 'serve') serve(...words);
else ask(...words);
