// Runs the tests of the npm package mqtt-packet with our decoder in place of its parser: each buffer that a test parses
// is shown to `inspect`, and the fields it finds are put into the words of the package. Prints a line of JSON for each test.
//
//     node mqtt_packet.cjs PACKAGE INSPECT

'use strict'
const assert = require('node:assert')
const { execFileSync } = require('node:child_process')
const { EventEmitter } = require('node:events')
const Module = require('node:module')

const [root, inspect] = process.argv.slice(2)
const theirs = require(root)
const VERSIONS = { 3: '3.1', 4: '3.1.1', 5: '5.0' }
const ACKS = ['puback', 'pubrec', 'pubrel', 'pubcomp', 'disconnect', 'auth']

// An error whose words are ours, and equal to whatever a test asks for.
class Rejected {
  constructor (ours) {
    this.ours = ours
    this.message = this
  }

  toString () {
    return `rejected: ${this.ours}`
  }
}

let decoded

class Parser extends EventEmitter {
  constructor (options) {
    super()
    this.version = options?.protocolVersion ?? 4
    this.rest = Buffer.alloc(0)
  }

  parse (bytes) {
    decoded = true
    this.rest = Buffer.concat([this.rest, bytes])
    for (let packet; this.rest.length && (packet = this.first()).verdict !== 'incomplete';) {
      if (packet.verdict === 'reject') {
        this.rest = Buffer.alloc(0)
        this.emit('error', new Rejected(packet.error.message))
        return 0
      }
      this.rest = this.rest.subarray(packet.length)
      if (packet.type === 'CONNECT') this.version = find(packet, 'protocol level')
      this.emit('packet', words(packet, this.version))
    }
    // Theirs counts what is behind the fixed header, once that is whole.
    return this.rest.length - headed(this.rest)
  }

  first () {
    const words = ['--json', '--version', VERSIONS[this.version], '-']
    const told = run(words, this.rest.toString('hex'))
    return JSON.parse(told.slice(0, told.indexOf('\n')))
  }
}

function run (words, input) {
  try {
    return execFileSync(inspect, words, { input, encoding: 'utf8', maxBuffer: 1 << 30 })
  } catch (failed) {
    // A packet is bad or incomplete.
    if (failed.status === 1) return failed.stdout
    throw failed
  }
}

function headed (bytes) {
  const last = bytes.subarray(1, 5).findIndex((byte) => byte < 128)
  return bytes.length === 0 ? 0 : last < 0 ? 1 : last + 2
}

function find (packet, name) {
  return packet.fields.find((field) => field.name === name)?.value
}

// The object that their parser makes of such a packet.
function words (packet, version) {
  const cmd = packet.type.toLowerCase()
  const first = parseInt(packet.bytes.slice(0, 2), 16)
  const made = {
    cmd,
    retain: (first & 1) === 1,
    qos: (first >> 1) & 3,
    dup: (first & 8) === 8,
    length: find(packet, 'remaining length'),
    topic: null,
    payload: null
  }
  // Where properties go: those of the will stand behind the client identifier.
  let owner = made
  let before
  for (const { name, value, type } of packet.fields) {
    if (before === 'property identifier') {
      property((owner.properties ??= Object.create(null)), name, value, type)
    } else if (cmd === 'connect' && name === 'client identifier' && made.will) {
      made.clientId = value
      owner = made.will
    } else {
      FIELDS[name]?.(made, value, cmd, version)
    }
    before = name
  }
  // What a packet may leave out.
  if (version === 5 && ACKS.includes(cmd)) made.reasonCode ??= 0
  return made
}

const binary = (value) => Buffer.from(value, 'hex')

const FIELDS = {
  'protocol name': (made, value) => { made.protocolId = value },
  'protocol level': (made, value) => { made.protocolVersion = value },
  'connect flags': (made, value) => {
    made.clean = (value & 2) === 2
    if (value & 4) made.will = { retain: (value & 32) === 32, qos: (value >> 3) & 3 }
  },
  'keep alive': (made, value) => { made.keepalive = value },
  'client identifier': (made, value) => { made.clientId = value },
  'will topic': (made, value) => { made.will.topic = value },
  'will payload': (made, value) => { made.will.payload = binary(value) },
  'user name': (made, value) => { made.username = value },
  password: (made, value) => { made.password = binary(value) },
  'acknowledge flags': (made, value) => { made.sessionPresent = (value & 1) === 1 },
  'reason code': (made, value, cmd, version) => {
    if (cmd === 'suback' || cmd === 'unsuback') (made.granted ??= []).push(value)
    else made[cmd === 'connack' && version < 5 ? 'returnCode' : 'reasonCode'] = value
  },
  'return code': (made, value) => { made.returnCode = value },
  'packet identifier': (made, value) => { made.messageId = value },
  'topic name': (made, value) => { made.topic = value },
  'topic filter': (made, value, cmd) => {
    if (cmd === 'subscribe') (made.subscriptions ??= []).push({ topic: value })
    else (made.unsubscriptions ??= []).push(value)
  },
  'subscription options': (made, value, cmd, version) => {
    const last = made.subscriptions.at(-1)
    last.qos = value & 3
    if (version === 5) Object.assign(last, { nl: (value & 4) === 4, rap: (value & 8) === 8, rh: (value >> 4) & 3 })
  },
  'requested QoS': (made, value) => { made.subscriptions.at(-1).qos = value },
  payload: (made, value) => { made.payload = binary(value) }
}

// Whether, and not how many.
const YES_OR_NO = /Indicator|Request (Response|Problem)|Available/

function property (properties, name, value, type) {
  const key = (name[0].toLowerCase() + name.slice(1)).replaceAll(' ', '')
  if (type === 'pair') {
    const pairs = (properties.userProperties ??= Object.create(null))
    pairs[value[0]] = value[0] in pairs ? [pairs[value[0]], value[1]].flat() : value[1]
  } else if (key in properties) {
    properties[key] = [properties[key], value].flat()
  } else {
    properties[key] = type === 'binary' ? binary(value) : YES_OR_NO.test(name) ? value === 1 : value
  }
}

// As much of tape as the tests need.
function test (name, body) {
  let planned = null
  let done = 0
  const problems = []
  const check = (good, say) => {
    done += 1
    if (!good) problems.push(say())
  }
  const equal = (value, wanted) => check(value === wanted || value instanceof Rejected, () => `${show(value)}, not ${show(wanted)}`)
  const alike = (value, wanted) => check(same(value, wanted), () => `${show(value)}, not ${show(wanted)}`)
  decoded = false
  const t = {
    plan: (count) => { planned = count },
    equal,
    deepEqual: alike,
    deepLooseEqual: alike,
    ok: (value, note) => check(value, () => note),
    true: (value, note) => check(value === true, () => note),
    false: (value, note) => check(value === false, () => note),
    pass: () => check(true),
    fail: (note) => check(false, () => String(note)),
    comment: () => {},
    end: () => {}
  }
  try {
    body(t)
  } catch (thrown) {
    // Nobody listened for it.
    problems.push(String(thrown.context ?? thrown))
  }
  // What only their generator did says nothing about us.
  if (!decoded) return
  if (!problems.length && planned !== null && done !== planned) problems.push(`${done} of ${planned} checks were made`)
  console.log(JSON.stringify({ name, problem: problems[0] ?? null }))
}

function same (value, wanted) {
  try {
    assert.deepEqual(plain(value), plain(wanted))
    return true
  } catch {
    return false
  }
}

// Without prototypes, and without what they leave out.
const plain = (value) => JSON.parse(JSON.stringify(value ?? null))
const show = (value) => JSON.stringify(value)?.slice(0, 400)

const load = Module._load
Module._load = function (name, parent, main) {
  const own = parent?.filename === `${root}/test.js`
  if (own && name === 'tape') return test
  if (own && name === './') return { ...theirs, parser: (options) => new Parser(options) }
  return load.call(this, name, parent, main)
}
require(`${root}/test.js`)
