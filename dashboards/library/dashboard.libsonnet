// A dashboard in Grafana's classic JSON, which file provisioning accepts in every version from 10.4 on.
local theme = import 'theme.libsonnet';
local variables = import 'variables.libsonnet';

// A panel, with `raw` merged in last.
local render(panels, spec) =
  local made = panels[spec.type].panel(spec);
  if std.objectHas(spec, 'raw') then std.mergePatch(made, spec.raw) else made;

// A row: an expanded row precedes its panels, a collapsed one contains them.
local row(panels, spec) =
  local inner = [render(panels, panel) for panel in spec.panels];
  local collapsed = theme.get(spec, 'collapsed', false);
  local head = {
    id: spec.id,
    type: 'row',
    title: spec.title,
    collapsed: collapsed,
    gridPos: spec.grid,
    panels: if collapsed then inner else [],
    [if std.objectHas(spec, 'repeat') then 'repeat']: spec.repeat,
  };
  [head] + (if collapsed then [] else inner);

// A line in graphs where an alert starts to fire. Shading the whole time would cover the graphs during incidents.
local alerts(spec) = {
  name: 'Alerts',
  datasource: theme.source(spec),
  enable: theme.get(spec.alerts, 'shown', true),
  hide: false,
  iconColor: theme.colors.alert,
  expr: spec.alerts.expr,
  titleFormat: '{{alertname}}',
  textFormat: '{{object}}',
  tagKeys: 'severity',
  step: '60s',
  useValueForTime: false,
};

// A line where something changed, from a query or from annotations stored in Grafana.
local event(spec, one) = {
  name: one.title,
  enable: one.shown,
  hide: false,
  iconColor: one.color,
} + (
  if std.objectHas(one, 'tags') then {
    datasource: { type: 'grafana', uid: '-- Grafana --' },
    type: 'tags',
    target: { type: 'tags', tags: one.tags, matchAny: false, limit: 100 },
  } else {
    datasource: theme.source(spec),
    expr: one.expr,
    titleFormat: one.title,
    textFormat: one.text,
    tagKeys: '',
    step: '60s',
    useValueForTime: false,
  }
);

local link(spec) = {
  local is_page = std.objectHas(spec, 'url'),
  type: if is_page then 'link' else 'dashboards',
  title: spec.title,
  tags: if is_page then [] else [spec.tag],
  asDropdown: theme.get(spec, 'dropdown', false),
  includeVars: false,
  keepTime: !is_page,
  targetBlank: is_page,
  icon: if is_page then 'doc' else 'external link',
  tooltip: theme.get(spec, 'tooltip', ''),
  url: theme.get(spec, 'url', ''),
};

{
  // spec: {uid, title, description, tags, range, refresh, variables, inputs, datasources, alerts, events, links, rows,
  // raw}; rows: panels, or
  // {title, panels, collapsed} with panels inside. panels: a panel file for each type.
  new(spec, panels)::
    local made = {
      uid: spec.uid,
      title: spec.title,
      description: theme.get(spec, 'description', ''),
      tags: theme.get(spec, 'tags', []),
      timezone: 'browser',
      editable: false,
      graphTooltip: 1,
      schemaVersion: 39,  // read and migrated by every version
      version: 1,
      refresh: spec.refresh,
      time: { from: 'now-' + spec.range, to: 'now' },
      timepicker: {},
      fiscalYearStartMonth: 0,
      weekStart: '',
      liveNow: false,
      links: [link(one) for one in theme.get(spec, 'links', [])],
      annotations: { list: [alerts(spec)] + [event(spec, one) for one in theme.get(spec, 'events', [])] },
      templating: {
        list: [variables.datasource(one) for one in theme.get(spec, 'datasources', [{ name: 'datasource', kind: 'prometheus' }])]
              + [variables.label(one, theme.source(spec)) for one in theme.get(spec, 'variables', [])]
              + [variables.input(one) for one in theme.get(spec, 'inputs', [])],
      },
      panels: std.flattenArrays([
        if std.objectHas(item, 'panels') then row(panels, item) else [render(panels, item)]
        for item in spec.rows
      ]),
    };
    if std.objectHas(spec, 'raw') then std.mergePatch(made, spec.raw) else made,
}
