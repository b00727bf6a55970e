// What a mixin of ours does with its settings: it goes into the mixin as lib.libsonnet.
{
  // dashboards: models by file. rules, alerts: groups. said: the addresses that stand in them now, {grafana, runbooks}.
  new(dashboards, rules, alerts, said):: {
    local config = self._config,
    local moved(text, from, to) =
      if std.startsWith(text, from) then to + std.substr(text, std.length(from), std.length(text) - std.length(from)) else text,

    local dashboard(model) = model {
      title: config.dashboardPrefix + model.title,
      tags: model.tags + config.dashboardTags,
      refresh: if config.dashboardRefresh == '' then model.refresh else config.dashboardRefresh,
    },

    local alert(rule) = rule {
      labels+: config.alertLabels,
      annotations+: {
        [if std.objectHas(rule.annotations, 'dashboard_url') then 'dashboard_url']:
          moved(rule.annotations.dashboard_url, said.grafana, config.grafanaUrl),
        [if std.objectHas(rule.annotations, 'runbook_url') then 'runbook_url']:
          moved(rule.annotations.runbook_url, said.runbooks, config.runbookUrl),
      },
    },

    grafanaDashboards+:: { [file]: dashboard(dashboards[file]) for file in std.objectFields(dashboards) },
    prometheusRules+:: { groups+: rules },
    prometheusAlerts+:: {
      groups+: [
        group { rules: [alert(rule) for rule in group.rules if !std.member(config.disable, rule.alert)] }
        for group in alerts
      ],
    },
  },
}
