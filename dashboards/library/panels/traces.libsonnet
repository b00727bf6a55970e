// The way of one request through the services, or the requests to choose one from, as Jaeger holds them.
local theme = import '../theme.libsonnet';

local search(said) = {
  queryType: 'search',
  service: said.service,
  [if std.objectHas(said, 'operation') then 'operation']: said.operation,
  [if std.objectHas(said, 'tags') then 'tags']:
    std.join(' ', [label + '=' + std.toString(said.tags[label]) for label in std.objectFields(said.tags)]),
  [if std.objectHas(said, 'slower_than') then 'minDuration']: said.slower_than,
  [if std.objectHas(said, 'faster_than') then 'maxDuration']: said.faster_than,
  limit: theme.get(said, 'most', 20),
};

{
  words: {
    trace: 'The way of one request through the services: its id, or a choice such as $trace that holds it.',
    traces: 'Requests to choose one from: {service: shop, slower_than: 500ms}; a click opens its way.',
  },
  called: { jaeger: 'traces', tempo: 'traces', traceview: 'trace' },
  grafana: { type: 'traces', name: 'Traces', public: false },
  content: {
    description: 'The id of a trace, or what the traces to list must be like.',
    type: ['string', 'object'],
    minLength: 1,
    required: ['service'],
    additionalProperties: false,
    properties: {
      service: { description: 'The service that took part.', type: 'string', minLength: 1, examples: ['shop'] },
      operation: { description: 'What it did, such as GET /checkout.', type: 'string', minLength: 1 },
      tags: { description: 'Marks that it must have, such as {error: true}.', type: 'object', examples: [{ 'error': true }], additionalProperties: { type: ['string', 'number', 'boolean'] } },
      slower_than: { description: 'Only those that took longer.', '$ref': '#/$defs/duration' },
      faster_than: { description: 'Only those that took less.', '$ref': '#/$defs/duration' },
      most: { description: 'So many at most.', type: 'integer', minimum: 1, maximum: 1000, default: 20 },
    },
  },
  queries: '',
  source: 'jaeger',
  height: 12,
  width: 8,
  options: {},
  example: {
    traces: { service: 'shop', tags: { 'error': true }, slower_than: '500ms' },
    title: 'Slow requests that failed',
    description: 'Requests to the shop that failed after half a second.',
  },

  panel(spec)::
    local datasource = spec.datasource;
    local listed = std.isObject(spec.content);
    local columns = theme.fieldConfig(
      { unit: 'short' },
      { mode: 'thresholds' },
      { align: 'auto', cellOptions: { type: 'auto' }, filterable: false, inspect: false, minWidth: 80 }
    );
    local query = { refId: 'A', datasource: datasource } + (if listed then search(spec.content) else { query: spec.content });
    theme.panel(spec, if listed then 'table' else 'traces', { datasource: datasource, targets: [query], options: {} } + (
      if !listed then {} else {
        // Jaeger gives its own units; one said here would overwrite that of the duration.
        fieldConfig: { defaults: { [key]: columns.defaults[key] for key in ['color', 'custom', 'thresholds'] }, overrides: [] },
        options: {
          showHeader: true,
          cellHeight: 'sm',
          frameIndex: 0,
          footer: { show: false, reducer: ['sum'], countRows: false, fields: [] },
          sortBy: [],
        },
      }
    )),
}
