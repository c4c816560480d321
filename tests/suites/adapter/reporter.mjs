// What node:test found out, as a line of JSON for each test.

export default async function * (events) {
  for await (const { type, data } of events) {
    if ((type !== 'test:pass' && type !== 'test:fail') || data.skip !== undefined) continue
    const error = data.details.error
    // The whole file fails if one of its tests does.
    if (data.name.endsWith('.js') && error?.failureType === 'testCodeFailure') continue
    const problem = type === 'test:pass' ? null : (error?.cause?.message ?? error?.cause ?? error?.message ?? 'failed')
    yield JSON.stringify({ name: data.name, file: data.file, problem }) + '\n'
  }
}
