// A trace, or a list of traces, from Jaeger.
local theme = import '../theme.libsonnet';

local search(conditions) = {
  queryType: 'search',
  service: conditions.service,
  [if std.objectHas(conditions, 'operation') then 'operation']: conditions.operation,
  [if std.objectHas(conditions, 'tags') then 'tags']:
    std.join(' ', [label + '=' + std.toString(conditions.tags[label]) for label in std.objectFields(conditions.tags)]),
  [if std.objectHas(conditions, 'slower_than') then 'minDuration']: conditions.slower_than,
  [if std.objectHas(conditions, 'faster_than') then 'maxDuration']: conditions.faster_than,
  limit: theme.get(conditions, 'limit', 20),
};

{
  words: {
    trace: 'A trace: its id, or a variable such as $trace that holds it.',
    traces: 'A list of traces: {service: shop, slower_than: 500ms}; a click opens one.',
  },
  called: { jaeger: 'traces', tempo: 'traces', traceview: 'trace' },
  grafana: { type: 'traces', name: 'Traces', public: false },
  content: {
    description: 'The id of a trace, or conditions for the traces to list.',
    type: ['string', 'object'],
    minLength: 1,
    required: ['service'],
    additionalProperties: false,
    properties: {
      service: { description: 'A service in the trace.', type: 'string', minLength: 1, examples: ['shop'] },
      operation: { description: 'Its operation, such as GET /checkout.', type: 'string', minLength: 1 },
      tags: { description: 'Tags that it must have, such as {error: true}.', type: 'object', examples: [{ 'error': true }], additionalProperties: { type: ['string', 'number', 'boolean'] } },
      slower_than: { description: 'Only traces that took longer.', '$ref': '#/$defs/duration' },
      faster_than: { description: 'Only traces that took less.', '$ref': '#/$defs/duration' },
      limit: { description: 'The maximum number of traces.', type: 'integer', minimum: 1, maximum: 1000, default: 20 },
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
        // Jaeger returns its own units; a unit here would override that of the duration. Its own link leads to Explore,
        // which a viewer may not open.
        fieldConfig: {
          defaults: { [key]: columns.defaults[key] for key in ['color', 'custom', 'thresholds'] },
          overrides: [{
            matcher: { id: 'byName', options: 'traceID' },
            properties: [{ id: 'links', value: [{ title: 'Open the trace', url: '/d/traces?var-trace=${__value.raw}&${__url_time_range}' }] }],
          }],
        },
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
