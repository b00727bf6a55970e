// prometheus.yml: the jobs of the contract, with targets from files beside it.
//
// settings: {
//   interval, timeout: durations; labels: external labels; expands_labels: whether Prometheus expands them;
//   jobs: {name: {collect?, exclude?, target_per?}} as in contract.yaml; order: their names;
//   accesses: [{label, name, config}] for protected hosts, whose targets carry the label; access_label: its name
//   application_accesses: the same for applications' pages, whose config may contain any option of a scrape configuration
//   evaluates: whether Prometheus evaluates the rules
//   discoveries: [{name, config}] for hosts that Prometheus discovers; config has *_sd_configs and relabel_configs
//   servers: {prometheus, alertmanager, grafana}, each {scheme, path} of its address, '' for the defaults
//   sites: {path, interval, match: names of series, accesses: as those of hosts}, {} without sites
//   engines: [{docker, network?, config, speaks?, others?}]; scrape_label: the container label with port and path of its
//     page, as 8000/metrics; speaks_label: that with its dialect. `speaks` is the dialect of the containers of this entry,
//     `others` the dialects of which each has an entry of its own.
//   others: the project's rule_files, scrape_configs, remote_write and storage, as prometheus.yml has them
// }
local targets(name) = [{ files: ['targets/%s.yaml' % name], refresh_interval: '1m' }];

local parameters(job) = std.prune({
  params: {
    [if 'collect' in job then 'collect[]']: job.collect,
    [if 'exclude' in job then 'exclude[]']: job.exclude,
  },
});

// One exporter, several jobs: each with the collectors of the exporter that it replaces.
local exporterJob(name, job) = parameters(job) {
  job_name: name,
  file_sd_configs: targets(if 'target_per' in job then name else 'hosts'),
};

// Authentication is set per scrape configuration. So each job has one for the unprotected targets and one for each access
// of protected ones; all read the same target files and keep different targets.
local withAccesses(job, accesses, settings) =
  local by(action, regex) = { source_labels: [settings.access_label], regex: regex, action: action };
  if accesses == [] then [job] else
    [job { relabel_configs: [by('drop', '.+')] }] + [
      job + access.config + {
        job_name: '%s (%s)' % [job.job_name, access.name],
        relabel_configs: [by('keep', access.label), { target_label: 'job', replacement: job.job_name }]
                         + std.get(access.config, 'relabel_configs', []),
      }
      for access in accesses
    ];

// A job for hosts that Prometheus discovers; servers and probes belong to hosts whose names are known.
local discoveredJobs(discovery, settings) = [
  parameters(settings.jobs[name]) + discovery.config {
    job_name: '%s (%s)' % [name, discovery.name],
    relabel_configs+: [{ target_label: 'job', replacement: name }],
  }
  for name in settings.order
  if !('target_per' in settings.jobs[name])
];

local otherJob(name, file) = { job_name: name, file_sd_configs: targets(file) };

local serverJob(name, server) = otherJob(name, name) {
  [if server.scheme != '' then 'scheme']: server.scheme,
  [if server.path != '' then 'metrics_path']: server.path + '/metrics',
};

// Other Prometheus servers, by federation. `honor_labels` keeps the labels of the site, `job` and `instance` among them.
// The samples get the time of the scrape: series with times of their own have no staleness markers, so that a site that
// is down would show its last values for five minutes, and those of a site whose clock is wrong may be rejected.
local sitesJob(sites) = otherJob('sites', 'sites') {
  metrics_path: sites.path,
  params: { 'match[]': sites.match },
  honor_labels: true,
  honor_timestamps: false,
  scrape_interval: sites.interval,
};

local escaped(name) = std.join('', [if std.member('.+*?()[]{}|^$\\', c) then '\\' + c else c for c in std.stringChars(name)]);

// The containers of an engine that carry the scrape label. The engine returns only these, with one address for each
// exposed port; the label's port reduces them to one.
local engineJob(engine, settings) =
  local page = '__meta_docker_container_label_' + std.strReplace(settings.scrape_label, '.', '_');
  local speaks = '__meta_docker_container_label_' + std.strReplace(settings.speaks_label, '.', '_');
  local network = '__meta_docker_network_name';
  local service = '__meta_docker_container_label_com_docker_compose_service';
  engine.config {
    [if 'tls_config' in engine.config then 'scheme']: 'https',
    job_name: 'app (%s)' % std.join(' ', [engine.docker] + if 'speaks' in engine then [engine.speaks] else []),
    docker_sd_configs: [{
      host: engine.docker,
      refresh_interval: '15s',
      filters: [{ name: 'label', values: [settings.scrape_label] }],
    }],
    relabel_configs: [
      { source_labels: [page], regex: '[0-9]+(/.*)?', action: 'keep' },
    ] + (
      if 'network' in engine then [{ source_labels: [network], regex: escaped(engine.network), action: 'keep' }] else []
    ) + (
      if 'speaks' in engine then [{ source_labels: [speaks], regex: engine.speaks, action: 'keep' }] else []
    ) + (
      if 'others' in engine then [{ source_labels: [speaks], regex: std.join('|', engine.others), action: 'drop' }] else []
    ) + [
      { source_labels: ['__address__', page], regex: '(.+):[0-9]+;([0-9]+)(/.*)?', replacement: '$1:$2', target_label: '__address__' },
      { source_labels: [page], regex: '[0-9]+(/.+)', target_label: '__metrics_path__' },
      { source_labels: ['__meta_docker_container_name'], regex: '/(.+)', target_label: 'instance' },
      { source_labels: ['instance'], target_label: 'service' },
      { source_labels: [service], regex: '(.+)', target_label: 'service' },
      { target_label: 'job', replacement: 'app' },
    ] + std.get(engine.config, 'relabel_configs', []),
  };

// Since 3.0 Prometheus expands $NAME in external labels from its environment; $$ is a literal $.
local externalLabels(settings) =
  if settings.expands_labels then std.mapWithKey(function(_, value) std.strReplace(value, '$', '$$'), settings.labels)
  else settings.labels;

function(settings) {
  [if key != 'rule_files' && key != 'scrape_configs' then key]: settings.others[key]
  for key in std.objectFields(settings.others)
} + {
  global: {
    scrape_interval: settings.interval,
    scrape_timeout: settings.timeout,
    evaluation_interval: settings.interval,
    [if settings.labels != {} then 'external_labels']: externalLabels(settings),
  },
  // An agent refuses a configuration with either of these.
  [if settings.evaluates then 'rule_files']: ['rules/*.yaml'] + std.get(settings.others, 'rule_files', []),
  [if settings.evaluates then 'alerting']: { alertmanagers: [{
    file_sd_configs: targets('alertmanager'),
    [if settings.servers.alertmanager.scheme != '' then 'scheme']: settings.servers.alertmanager.scheme,
    [if settings.servers.alertmanager.path != '' then 'path_prefix']: settings.servers.alertmanager.path,
  }] },
  scrape_configs:
    std.flatMap(function(name) withAccesses(exporterJob(name, settings.jobs[name]), settings.accesses, settings), settings.order)
    + std.flatMap(function(discovery) discoveredJobs(discovery, settings), settings.discoveries)
    + withAccesses(otherJob('app', 'applications'), settings.application_accesses, settings)
    + [engineJob(engine, settings) for engine in settings.engines]
    + [serverJob(name, settings.servers[name]) for name in ['prometheus', 'alertmanager', 'grafana']]
    + (if settings.sites == {} then [] else withAccesses(sitesJob(settings.sites), settings.sites.accesses, settings))
    + std.get(settings.others, 'scrape_configs', []),
}
