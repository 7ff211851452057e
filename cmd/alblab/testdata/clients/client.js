// Calls the lab with Node's own HTTP clients and says what each call saw, one JSON object a line.
// Usage: node client.js CASE... Each case is NAME=VALUE fields apart by tabs: name, url, ca, cert, key, http, min, max,
// ciphers, requests.
'use strict';
const fs = require('fs');
const http2 = require('http2');
const https = require('https');

const read = (path) => (path ? fs.readFileSync(path) : undefined);

const options = (c) => ({
  ca: read(c.ca),
  cert: read(c.cert),
  key: read(c.key),
  minVersion: c.min || 'TLSv1.2',
  maxVersion: c.max || 'TLSv1.3',
  ciphers: c.ciphers || undefined,
  agent: false, // a connection for each request
});

const session = (socket) => ({ protocol: socket.getProtocol(), cipher: socket.getCipher().standardName, alpn: socket.alpnProtocol });

function http1(c) {
  return new Promise((resolve, reject) => {
    let seen;
    const req = https.get(c.url, { ...options(c), ALPNProtocols: ['http/1.1'] }, (res) => {
      let body = '';
      res.setEncoding('utf8');
      res.on('data', (part) => { body += part; });
      res.on('error', reject);
      res.on('end', () => resolve({ ...seen, bodies: [body], statuses: [res.statusCode], http: res.httpVersion, server: res.headers.server }));
    });
    req.on('socket', (socket) => socket.on('secureConnect', () => { seen = session(socket); }));
    req.on('error', reject);
  });
}

function h2(c) {
  const total = Number(c.requests || 1);
  return new Promise((resolve, reject) => {
    const client = http2.connect(c.url, options(c));
    const seen = { statuses: [], bodies: [], http: '2.0' };
    client.on('connect', (_, socket) => Object.assign(seen, session(socket)));
    client.on('error', reject);
    client.on('close', () => reject(Object.assign(new Error('the session was closed'), { code: 'CLOSED' })));
    for (let i = 0; i < total; i++) {
      const req = client.request({ ':path': '/' + i });
      let body = '';
      let status;
      req.setEncoding('utf8');
      req.on('response', (headers) => { status = headers[':status']; seen.server = headers.server; });
      req.on('data', (part) => { body += part; });
      req.on('error', () => {}); // the session's error says what caused it
      req.on('end', () => {
        if (status === undefined) return; // the session ended first
        seen.statuses.push(status);
        seen.bodies.push(body);
        if (seen.bodies.length === total) {
          resolve(seen);
          client.close();
        }
      });
    }
  });
}

async function main() {
  await Promise.all(process.argv.slice(2).map(async (arg) => {
    const c = Object.fromEntries(arg.split('\t').map((field) => field.split(/=(.*)/s, 2)));
    let result;
    try {
      result = await (c.http === '2' ? h2(c) : http1(c));
    } catch (e) {
      result = { code: e.code, error: e.message };
    }
    console.log(JSON.stringify({ name: c.name, ...result }));
  }));
}

main();
