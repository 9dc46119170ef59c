// Responses for the live tests that go on until a file is there.
//
// stream.js PORT FILE [CERTIFICATES] prints a JSON line for every response that is over; with a folder
// of certificates it speaks HTTP/2 over TLS.
// GET /events: server-sent events, and a comment now and then; /trickle: a byte now and then.
const fs = require('fs');
const http = require('http');
const http2 = require('http2');

const [port, stop, folder] = process.argv.slice(2);

function answer(request, response) {
  const isEvents = request.url === '/events';
  const sent = { events: 0, comments: 0, body_bytes: 0 };
  let number = 0;
  response.writeHead(200, { 'Content-Type': isEvents ? 'text/event-stream' : 'text/plain' });
  const write = (text) => {
    sent.body_bytes += text.length;
    response.write(text);
  };
  const event = () => {
    if (number % 10 === 0) {
      sent.comments += 1;
      return write(': still here\n\n');
    }
    sent.events += 1;
    write(`id: ${number}\nevent: tick\ndata: {"number": ${number}}\n\n`);
  };
  const timer = setInterval(() => {
    number += 1;
    if (!fs.existsSync(stop)) return isEvents ? event() : write('x');
    clearInterval(timer);
    response.end(() => console.log(JSON.stringify(sent)));
  }, 50);
}

const read = (name) => fs.readFileSync(`${folder}/${name}`);
const server = folder
  ? http2.createSecureServer({ cert: read('server.pem'), key: read('server.key') }, answer)
  : http.createServer(answer);
server.listen(Number(port), '127.0.0.1');
