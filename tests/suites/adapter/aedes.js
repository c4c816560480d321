// Stands in for the broker of the npm package aedes in the tests of that package: what it would do itself is done by the
// broker that is tried, a new one for each test, over TCP. SUITES_SERVER has the words that start it, with PORT in them.

import { spawn } from 'node:child_process'
import net from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

// An object that has nothing but these.
function only (name, has) {
  return new Proxy(has, {
    get (target, key) {
      if (key in target || typeof key === 'symbol' || key === 'then') return target[key]
      throw new Error(`not to be had: ${name}.${key}`)
    },
    set (target, key) {
      throw new Error(`not to be had: ${name}.${key}`)
    }
  })
}

// A file that takes too long is ended by that; its brokers are to go, too.
process.on('SIGTERM', () => process.exit(1))

export class Aedes {
  static async createBroker (options = {}) {
    const [option] = Object.keys(options)
    if (option) throw new Error(`not to be had: the option ${option}`)
    const server = await start()
    return only('broker', {
      handle: (stream) => carry(stream, server.port),
      close: (done) => {
        server.stop()
        done?.()
      },
      on: (event) => {
        // Nothing that happens to a client is an error of ours.
        if (event !== 'clientError') throw new Error(`not to be had: the event ${event}`)
      }
    })
  }
}

function carry (stream, port) {
  const socket = net.connect({ port, host: '127.0.0.1', noDelay: true })
  const end = () => {
    socket.destroy()
    stream.destroy()
  }
  socket.on('error', end)
  stream.on('error', end).on('close', end)
  stream.pipe(socket)
  hand(socket, stream).catch(end)
  return only('client', {})
}

// One packet after the other: what reads them there stops for good when there are two at once.
async function hand (socket, stream) {
  let rest = Buffer.alloc(0)
  for await (const chunk of socket) {
    rest = Buffer.concat([rest, chunk])
    for (let size; (size = first(rest)) <= rest.length; rest = rest.subarray(size)) {
      stream.write(rest.subarray(0, size))
      await delay(1)
    }
  }
  stream.destroy()
}

// How long the first packet is.
function first (bytes) {
  let size = 0
  for (let at = 1; at < bytes.length; at++) {
    size += (bytes[at] & 127) << (7 * (at - 1))
    if (bytes[at] < 128) return at + 1 + size
  }
  return Infinity
}

async function start () {
  const port = await free()
  const [program, ...words] = JSON.parse(process.env.SUITES_SERVER).map((word) => word.replace('PORT', port))
  const child = spawn(program, words, { stdio: 'ignore' })
  const stop = () => child.kill('SIGKILL')
  process.on('exit', stop)
  for (let tries = 0; !await listens(port); tries++) {
    if (tries === 500) throw new Error('the broker does not listen')
    await delay(20)
  }
  return { port, stop }
}

function free () {
  return new Promise((resolve) => {
    const probe = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address()
      probe.close(() => resolve(port))
    })
  })
}

function listens (port) {
  return new Promise((resolve) => {
    const probe = net.connect(port, '127.0.0.1', () => {
      probe.destroy()
      resolve(true)
    })
    probe.on('error', () => resolve(false))
  })
}
