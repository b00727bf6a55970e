// Applies a mixin's settings to its dashboards and alerts; exported with the mixin as lib.libsonnet.
{
  // dashboards: models by file. rules, alerts: groups. urls: the base URLs in their links, {grafana, runbooks}.
  new(dashboards, rules, alerts, urls):: {
    local config = self._config,
    local rebased(text, from, to) =
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
          rebased(rule.annotations.dashboard_url, urls.grafana, config.grafanaUrl),
        [if std.objectHas(rule.annotations, 'runbook_url') then 'runbook_url']:
          rebased(rule.annotations.runbook_url, urls.runbooks, config.runbookUrl),
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
