// Grafana's provisioning: data sources and dashboard folders. URLs and the bundle's path come from the environment, so
// that one bundle serves Compose and `deckwatch up`.
// Grafana expands $NAME from its environment; $$ is a literal $.
local literal(text) = std.strReplace(text, '$', '$$');

local names = { loki: 'Loki', jaeger: 'Jaeger', postgres: 'PostgreSQL' };

// Links to a trace open the dashboard: Grafana's links between data sources open Explore, which a viewer may not see.
local traceUrl = literal('/d/traces?var-trace=${__value.raw}');

// The links from a metric's exemplar to its trace, from a trace to its log lines, and back. Each needs both data sources.
// A log line names its trace as trace_id=… or "trace_id":"…". A span's logs are found by that text in all services:
// Jaeger keeps the name of a service apart from the tags, of which alone Grafana makes label matchers.
local links = {
  prometheus(others):: if !std.objectHas(others, 'jaeger') then {} else {
    exemplarTraceIdDestinations: [{ name: 'trace_id', url: traceUrl, urlDisplayLabel: 'Open the trace' }],
  },
  loki(others):: if !std.objectHas(others, 'jaeger') then {} else { jsonData: {
    derivedFields: [{
      name: 'Trace',
      matcherRegex: @'\b[Tt]race_?[Ii][Dd]\W{1,4}([0-9a-f]{32})\b',
      url: traceUrl,
      urlDisplayLabel: 'Open the trace',
    }],
  } },
  jaeger(others):: if !std.objectHas(others, 'loki') then {} else { jsonData: {
    tracesToLogsV2: {
      datasourceUid: 'deckwatch-loki',
      spanStartTimeShift: '-1m',
      spanEndTimeShift: '1m',
      filterByTraceID: false,
      filterBySpanID: false,
      customQuery: true,
      query: literal('{service=~".+"} |= "${__span.traceId}"'),
    },
  } },
  postgres(others):: {},
};

local otherSource(kind, options) = {
  name: names[kind],
  uid: 'deckwatch-' + kind,
  type: if kind == 'postgres' then 'grafana-postgresql-datasource' else kind,
  access: 'proxy',
  url: literal(if kind == 'postgres' then options.address else options.url),
  editable: false,
} + (
  if kind != 'postgres' then {} else {
    user: literal(options.user),
    jsonData: { database: literal(options.database), sslmode: options.tls },
    [if std.objectHas(options, 'password_file') then 'secureJsonData']: { password: '$__file{' + options.password_file + '}' },
  }
);

local headers(engine) = std.get(engine, 'headers', {});

local headerNames(engine) = {
  ['httpHeaderName%d' % (i + 1)]: std.objectFields(headers(engine))[i]
  for i in std.range(0, std.length(headers(engine)) - 1)
};

// A tenant's name is no secret, but Grafana takes the values of headers only among the secrets.
local headerValues(engine) = if headers(engine) == {} then {} else {
  secureJsonData: {
    ['httpHeaderValue%d' % (i + 1)]: literal(std.objectValues(headers(engine))[i])
    for i in std.range(0, std.length(headers(engine)) - 1)
  },
};

{
  // interval: the real scrape interval. Grafana derives $__rate_interval from it; a wrong one gives empty rates.
  // urls: {prometheus, alertmanager} as Grafana reaches them; '' for those from the environment.
  // others: {loki, jaeger, postgres}, as in the project's build: data_sources:.
  // engine: {url, type, headers} of the one that answers queries instead of Prometheus, or {}. Series keep the uid.
  datasources(interval, urls, others={}, engine={}):: {
    apiVersion: 1,
    prune: true,
    datasources: [
      {
        name: 'Prometheus',
        uid: 'deckwatch-prometheus',
        type: 'prometheus',
        access: 'proxy',
        url: if engine != {} then literal(engine.url)
        else if urls.prometheus == '' then '${DECKWATCH_PROMETHEUS_URL}' else literal(urls.prometheus),
        isDefault: true,
        editable: false,
        jsonData: {
          httpMethod: 'POST',
          timeInterval: interval,
          manageAlerts: true,
          alertmanagerUid: 'deckwatch-alertmanager',
          prometheusType: std.get(engine, 'type', 'Prometheus'),
          disableRecordingRules: true,  // otherwise every page loads all rules, for hints in Explore
        } + links.prometheus(others) + headerNames(engine),
      } + headerValues(engine),
      {
        name: 'Alertmanager',
        uid: 'deckwatch-alertmanager',
        type: 'alertmanager',
        access: 'proxy',
        url: if urls.alertmanager == '' then '${DECKWATCH_ALERTMANAGER_URL}' else literal(urls.alertmanager),
        editable: false,
        jsonData: { implementation: 'prometheus', handleGrafanaManagedAlerts: false },
      },
    ] + [otherSource(kind, others[kind]) + links[kind](others) for kind in std.objectFields(others)],
  },

  // folders: [{uid, title, path}]; one provider each, which gives the folder a fixed uid. An empty uid: top level.
  dashboards(folders):: {
    apiVersion: 1,
    providers: [
      {
        name: 'deckwatch ' + folder.path,
        type: 'file',
        disableDeletion: false,
        allowUiUpdates: false,
        updateIntervalSeconds: 30,
        [if folder.uid != '' then 'folder']: literal(folder.title),
        [if folder.uid != '' then 'folderUid']: folder.uid,
        options: { path: '${DECKWATCH_BUNDLE}/grafana/dashboards/' + folder.path, foldersFromFilesStructure: false },
      }
      for folder in folders
    ],
  },
}
