// Both ends of exchanges that a plan describes, over HTTP/1.1 and HTTP/2, each in pieces.
//
// canary.js serve PORT PLAN 1|2 [CERTIFICATES] answers each case and prints what it has received and sent.
// canary.js ask PORT PLAN 1|2 [CA NAME] asks for each case in order, and prints its id and status.
// HTTP/1.1 is written here byte by byte, a connection for each case, so that heads are cut, too; Node
// reads it. Of HTTP/2 each piece of content is a frame.
const crypto = require('crypto');
const fs = require('fs');
const http = require('http');
const https = require('https');
const http2 = require('http2');
const net = require('net');
const tls = require('tls');
const zlib = require('zlib');

const [role, port, planFile, version, certificates, name] = process.argv.slice(2);
const plan = JSON.parse(fs.readFileSync(planFile));
const cases = new Map(plan.map((one) => [one.id, one]));
const of = (target) => cases.get(/\/canary\/([\w-]+)/.exec(target)[1]);
const pause = () => new Promise((resolve) => setTimeout(resolve, 2));

// === messages ===

const CODINGS = {
  '': [(bytes) => bytes, (bytes) => bytes],
  gzip: [zlib.gzipSync, zlib.gunzipSync],
  deflate: [zlib.deflateSync, zlib.inflateSync],
  br: [zlib.brotliCompressSync, zlib.brotliDecompressSync],
};

// Content as it is sent.
function content(one, message) {
  const bytes = Buffer.from(message.content, 'base64');
  return bytes.length > 0 && !one.websocket ? CODINGS[one.coding][0](bytes) : bytes;
}

// Where it is cut: never, in about ten pieces, or within the first secret: at its ends and in its middle.
function cut(bytes, one) {
  let places = [];
  if (one.cut === 'pieces') {
    const size = Math.max(3, Math.ceil(bytes.length / 10));
    for (let at = size; at < bytes.length; at += size) places.push(at);
  }
  if (one.cut === 'inside') {
    const at = bytes.indexOf(one.mark);
    const length = one.mark.length;
    places = at < 0 ? [bytes.length >> 1] : [at + 1, at + (length >> 1), at + length - 1];
  }
  const starts = [0, ...places.filter((at) => at > 0 && at < bytes.length)];
  return starts.map((start, index) => bytes.subarray(start, starts[index + 1]));
}

async function write(stream, pieces) {
  for (const piece of pieces) {
    if (piece.length === 0) continue;
    await new Promise((resolve) => stream.write(piece, resolve));
    if (pieces.length > 1) await pause();
  }
}

// === HTTP/1.1 ===

const lines = (fields) => fields.map(([name, value]) => `${name}: ${value}\r\n`).join('');

// Chunked where there are trailers or pieces of content.
function pieces(one, start, message, more) {
  const body = content(one, message);
  const coding = body.length > 0 && one.coding ? [['content-encoding', one.coding]] : [];
  const head = (framing) => Buffer.from(start + lines([...more, ...message.fields, ...coding, ...framing]) + '\r\n', 'latin1');
  if (message.trailers.length === 0 && (body.length === 0 || one.cut === 'pieces')) {
    return cut(Buffer.concat([head([['content-length', body.length]]), body]), one);
  }
  const chunks = cut(body, one).map((piece) => Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')]));
  const end = Buffer.from(`0\r\n${lines(message.trailers)}\r\n`, 'latin1');
  return [...cut(head([['transfer-encoding', 'chunked']]), one), ...chunks, ...cut(end, one)];
}

const accept = (key) => crypto.createHash('sha1').update(key + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64');

async function ask1(one) {
  const socket = certificates
    ? tls.connect({ port, host: '127.0.0.1', ca: fs.readFileSync(certificates), servername: name })
    : net.connect({ port, host: '127.0.0.1' });
  await new Promise((resolve, reject) => socket.once(certificates ? 'secureConnect' : 'connect', resolve).once('error', reject));
  socket.setNoDelay(true);
  let answer = '';
  let upgraded;
  const handedOver = new Promise((resolve) => (upgraded = resolve));
  socket.on('data', (piece) => {
    answer += piece.toString('latin1');
    if (answer.includes('\r\n\r\n')) upgraded();
  });
  const closed = new Promise((resolve) => socket.once('close', resolve));
  if (one.websocket) {
    const head = `GET ${one.target} HTTP/1.1\r\nhost: example.test\r\nconnection: upgrade\r\nupgrade: websocket\r\n`;
    await write(socket, [Buffer.from(`${head}sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`)]);
    await handedOver;
    await write(socket, cut(content(one, one.ask), one));
  } else {
    const target = one.host ? `http://${one.host}${one.target}` : one.target;
    const method = one.ask.content ? 'POST' : 'GET';
    await write(socket, pieces(one, `${method} ${target} HTTP/1.1\r\n`, one.ask, [['host', 'example.test']]));
  }
  await closed;
  console.log(one.id, answer.split(' ')[1]);
}

async function answer1(socket, one) {
  socket.setNoDelay(true);
  await write(socket, pieces(one, `HTTP/1.1 200 ${one.reason || 'OK'}\r\n`, one.answer, [['connection', 'close']]));
  socket.end();
}

function handOver(request, socket, head) {
  const one = of(request.url);
  const whole = content(one, one.ask).length;
  let received = head;
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: ${accept(request.headers['sec-websocket-key'])}\r\n\r\n`);
  socket.on('data', async (piece) => {
    received = Buffer.concat([received, piece]);
    if (received.length < whole) return;
    await write(socket, [...cut(content(one, one.answer), one), Buffer.from([0x88, 2, 3, 0xe8])]);
    socket.end();
    tell(one, { fields: request.rawHeaders, received: unmasked(received), sent: content(one, one.answer) }, request.url);
  });
}

// The text of masked frames of less than 126 bytes.
function unmasked(bytes) {
  const text = [];
  for (let at = 0; at < bytes.length; ) {
    const length = bytes[at + 1] & 0x7f;
    for (let index = 0; index < length; index++) text.push(bytes[at + 6 + index] ^ bytes[at + 2 + (index % 4)]);
    at += 6 + length;
  }
  return Buffer.from(text);
}

function take1(request, response) {
  const received = [];
  request.on('data', (piece) => received.push(piece));
  request.on('end', async () => {
    const one = of(request.url);
    await answer1(request.socket, one);
    told(one, request.rawHeaders, Buffer.concat(received), request.rawTrailers, request.url);
  });
}

// === HTTP/2 ===

const fields2 = (fields) => fields.reduce((all, [name, value]) => ({ ...all, [name.toLowerCase()]: value }), {});

async function send2(stream, one, message) {
  const body = content(one, message);
  if (body.length > 0) await write(stream, cut(body, one));
  stream.end();
}

const coding2 = (one, message) => (message.content && one.coding ? { 'content-encoding': one.coding } : {});

function ask2(session, one) {
  return new Promise((resolve, reject) => {
    const head = { ':method': one.ask.content ? 'POST' : 'GET', ':path': one.target, ':authority': one.host || 'example.test' };
    const fields = { ...head, ...fields2(one.ask.fields), ...coding2(one, one.ask) };
    const trailers = fields2(one.ask.trailers);
    const request = session.request(fields, { endStream: false, waitForTrailers: one.ask.trailers.length > 0 });
    let status;
    request.on('wantTrailers', () => request.sendTrailers(trailers));
    request.on('response', (fields) => (status = fields[':status']));
    request.on('data', () => {});
    request.on('error', reject);
    request.on('close', () => resolve(console.log(one.id, status)));
    send2(request, one, one.ask);
  });
}

function take2(stream, fields, _, raw) {
  const received = [];
  let trailers = [];
  stream.on('data', (piece) => received.push(piece));
  stream.on('trailers', (fields) => (trailers = Object.entries(fields).flat()));
  stream.on('end', async () => {
    const one = of(fields[':path']);
    stream.on('wantTrailers', () => stream.sendTrailers(fields2(one.answer.trailers)));
    const head = { ':status': 200, ...fields2(one.answer.fields), ...coding2(one, one.answer) };
    stream.respond(head, { waitForTrailers: one.answer.trailers.length > 0 });
    await send2(stream, one, one.answer);
    told(one, raw, Buffer.concat(received), trailers, fields[':path']);
  });
}

// === what the server says ===

function told(one, fields, received, trailers, target) {
  const coding = received.length > 0 ? one.coding : '';
  const sent = Buffer.from(one.answer.content, 'base64');
  tell(one, { fields, received: CODINGS[coding][1](received), trailers, sent }, target);
}

function tell(one, { fields, received, trailers, sent }, target) {
  const answered = { reason: one.reason, fields: one.answer.fields, content: sent.toString('latin1'), trailers: one.answer.trailers };
  console.log(JSON.stringify({ id: one.id, target, fields, content: received.toString('latin1'), trailers, answered }));
}

// === both ===

function serve() {
  const read = (name) => fs.readFileSync(`${certificates}/${name}`);
  const keys = certificates ? { cert: read('server.pem'), key: read('server.key') } : {};
  let server;
  if (version === '2') {
    server = certificates ? http2.createSecureServer(keys) : http2.createServer();
    server.on('stream', take2);
  } else {
    server = certificates ? https.createServer(keys, take1) : http.createServer(take1);
    server.on('upgrade', handOver);
  }
  server.listen(Number(port), '127.0.0.1');
}

async function ask() {
  if (version === '1') {
    for (const one of plan) await ask1(one);
    return;
  }
  const options = certificates ? { ca: fs.readFileSync(certificates), servername: name } : {};
  const session = http2.connect(`${certificates ? 'https' : 'http'}://127.0.0.1:${port}`, options);
  // Three at a time, so that frames of several streams follow each other.
  for (let at = 0; at < plan.length; at += 3) await Promise.all(plan.slice(at, at + 3).map((one) => ask2(session, one)));
  session.close();
}

role === 'serve' ? serve() : ask();
