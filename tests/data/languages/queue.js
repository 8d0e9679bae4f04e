'use strict';

const path = require('node:path');
const { EventEmitter, once } = require('node:events');
const { setTimeout: delay } = require('node:timers/promises');

const DEFAULT_LIMIT = 4;
const DEFAULT_RETRIES = 2;

/**
 * Runs jobs in order, at most `limit` of them at once.
 * A job that fails is tried again after a while.
 */
class Queue extends EventEmitter {
  constructor(options = {}) {
    super();
    this.limit = options.limit ?? DEFAULT_LIMIT;
    this.retries = options.retries ?? DEFAULT_RETRIES;
    this.waiting = [];
    this.running = new Set();
    this.closed = false;
  }

  get size() {
    return this.waiting.length + this.running.size;
  }

  add(job, priority = 0) {
    if (this.closed === true) {
      throw new Error('the queue is closed');
    }
    const entry = { job, priority, attempts: 0 };
    const index = this.waiting.findIndex((other) => other.priority < priority);
    if (index === -1) {
      this.waiting.push(entry);
    } else {
      this.waiting.splice(index, 0, entry);
    }
    this.next();
    return entry;
  }

  next() {
    while (this.running.size < this.limit && this.waiting.length > 0) {
      const entry = this.waiting.shift();
      this.running.add(entry);
      this.run(entry);
    }
    if (this.size === 0) {
      this.emit('idle');
    }
  }

  async run(entry) {
    let error = null;
    try {
      const result = await entry.job();
      this.emit('result', result, entry);
    } catch (caught) {
      error = caught;
    }
    this.running.delete(entry);
    if (error && entry.attempts < this.retries) {
      entry.attempts += 1;
      await delay(10 * entry.attempts);
      this.waiting.unshift(entry);
    } else if (error) {
      this.emit('failed', error, entry);
    }
    this.next();
  }

  async close() {
    this.closed = true;
    if (this.size > 0) {
      await once(this, 'idle');
    }
  }
}

function formatName(file, root) {
  const relative = path.relative(root, file);
  const { dir, name } = path.parse(relative);
  // Windows has other separators than the web.
  const folder = dir.split(path.sep).join('/');
  return folder ? `${folder}/${name}` : name;
}

function groupBy(items, key) {
  const groups = new Map();
  for (const item of items) {
    const value = key(item);
    const group = groups.get(value) || [];
    group.push(item);
    groups.set(value, group);
  }
  return groups;
}

function report(queue, stream) {
  const started = Date.now();
  let done = 0;
  queue.on('result', () => {
    done += 1;
    stream.write(`${done} of ${done + queue.size} done\n`);
  });
  queue.on('failed', (error) => {
    console.error(error.message);
  });
  queue.on('idle', () => {
    const seconds = (Date.now() - started) / 1000;
    stream.write(`took ${seconds.toFixed(1)} s\n`);
  });
}

module.exports = { Queue, formatName, groupBy, report };
