// A server for `bench http2`: it begins every response and holds it until SIGUSR2.
//
// hold.js PORT prints after every hundredth response how many it has begun.
const http2 = require('http2');

const content = '{"id":4711}, '.repeat(23);
let begun = 0;
let held = [];

function begin(stream) {
  stream.on('error', () => {});
  stream.respond({ ':status': 200, server: 'node', 'content-type': 'application/json' });
  stream.write(content);
  held.push(stream);
  begun += 1;
  if (begun % 100 === 0) console.log(begun);
}

process.on('SIGUSR2', () => {
  for (const stream of held) stream.end(content);
  held = [];
});
http2.createServer().on('stream', begin).listen(Number(process.argv[2]), '127.0.0.1');
