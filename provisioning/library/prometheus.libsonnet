// prometheus.yml: the jobs of the contract, with targets from files beside it.
//
// settings: {
//   interval, timeout: durations; labels: external labels;
//   jobs: {name: {collect?, exclude?, target_per?}} as in contract.yaml
// }
local targets(name) = [{ files: ['targets/%s.yaml' % name], refresh_interval: '1m' }];

local parameters(job) = std.prune({
  params: {
    [if 'collect' in job then 'collect[]']: job.collect,
    [if 'exclude' in job then 'exclude[]']: job.exclude,
  },
});

// One exporter, several jobs: each with the collectors that its peer would have.
local exporterJob(name, job) = parameters(job) {
  job_name: name,
  file_sd_configs: targets(if 'target_per' in job then name else 'hosts'),
};

local otherJob(name, file) = { job_name: name, file_sd_configs: targets(file) };

function(settings) {
  global: {
    scrape_interval: settings.interval,
    scrape_timeout: settings.timeout,
    evaluation_interval: settings.interval,
    [if settings.labels != {} then 'external_labels']: settings.labels,
  },
  rule_files: ['rules/*.yaml'],
  alerting: { alertmanagers: [{ file_sd_configs: targets('alertmanager') }] },
  scrape_configs:
    [exporterJob(name, settings.jobs[name]) for name in settings.order]
    + [otherJob('app', 'applications'), otherJob('prometheus', 'prometheus'), otherJob('alertmanager', 'alertmanager')],
}
