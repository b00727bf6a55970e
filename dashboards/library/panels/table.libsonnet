// One line for each thing, one column for each figure.
local theme = import '../theme.libsonnet';

local cells = {
  text: { type: 'auto' },
  colored: { type: 'color-text' },
  background: { type: 'color-background', mode: 'basic' },
  bar: { type: 'gauge', mode: 'basic', valueDisplayMode: 'text' },
};

// Grafana calls the value of a lone query `Value`, of several `Value #A`, `Value #B` …
local column(spec, query) = if std.length(spec.queries) == 1 then 'Value' else 'Value #' + query.ref;

local cell(query) =
  local colored = theme.hasThresholds(query) || std.length(theme.mappings(query)) > 0;
  cells[theme.get(query, 'as', if colored then 'colored' else 'text')];

local override(query) = {
  matcher: { id: 'byName', options: query.title },
  properties: [
    { id: 'unit', value: theme.get(query, 'unit', 'short') },
    { id: 'thresholds', value: theme.thresholds(query) },
    { id: 'mappings', value: theme.mappings(query) },
    { id: 'custom.cellOptions', value: cell(query) },
  ] + (if std.objectHas(query, 'decimals') then [{ id: 'decimals', value: query.decimals }] else [])
    + (if theme.get(query, 'as', '') == 'bar' then [{ id: 'min', value: 0 }] else [])
    + (if theme.get(query, 'as', '') == 'bar' && theme.get(query, 'unit', '') == 'percentunit' then [{ id: 'max', value: 1 }] else []),
};

{
  words: { table: 'One line for each value of the labels in `by`, one column for each query.' },
  content: { '$ref': '#/$defs/queries' },
  queries: 'table',
  height: 8,
  width: 6,
  options: {
    sort: { description: 'The title of the column by which the lines are sorted, the highest first.', type: 'string' },
    ascending: { description: 'Sort the lowest first.', type: 'boolean', default: false },
    names: {
      description: 'Titles of the columns that hold labels, such as {name: Container}; an empty one is left out.',
      type: 'object',
      additionalProperties: { type: 'string' },
    },
  },
  example: {
    table: [{ show: 'up', title: 'Up', as: 'background' }, 'scrape_duration_seconds'],
    title: 'Targets',
    description: 'Every page that Prometheus reads.',
    by: ['job', 'instance'],
    sort: 'Up',
  },

  panel(spec)::
    local options = theme.get(spec, 'options', {});
    local names = theme.get(options, 'names', {});
    local capital(word) = std.asciiUpper(std.substr(word, 0, 1)) + std.substr(word, 1, std.length(word) - 1);
    local titleOf(label) = theme.get(names, label, capital(std.strReplace(label, '_', ' ')));
    local labels = theme.get(spec, 'by', []);
    local shown = [label for label in labels if titleOf(label) != ''];
    local columns = shown + [column(spec, query) for query in spec.queries];
    local linked = {
      matcher: { id: 'byName', options: titleOf(shown[0]) },
      properties: [{
        id: 'links',
        value: [theme.link(spec.link, function(label) '__data.fields["' + titleOf(label) + '"]')],
      }],
    };
    theme.queried(spec, 'table', 'table', {
      fieldConfig: theme.fieldConfig({ unit: theme.get(spec, 'unit', 'short') }, { mode: 'thresholds' }, {
        align: 'auto',
        cellOptions: { type: 'auto' },
        filterable: false,
        inspect: false,
        minWidth: 80,
      }) + {
        overrides: [override(query) for query in spec.queries]
                   + (if std.objectHas(spec, 'link') && shown != [] then [linked] else []),
      },
      options: {
        showHeader: true,
        cellHeight: 'sm',
        frameIndex: 0,
        footer: { show: false, reducer: ['sum'], countRows: false, fields: [] },
        sortBy: if std.objectHas(options, 'sort')
        then [{ displayName: options.sort, desc: !theme.get(options, 'ascending', false) }] else [],
      },
      transformations: (if std.length(spec.queries) > 1 then [{ id: 'merge', options: {} }] else []) + [
        {
          id: 'organize',
          options: {
            excludeByName: { Time: true } + { [label]: true for label in labels if titleOf(label) == '' },
            indexByName: { [columns[i]]: i for i in std.range(0, std.length(columns) - 1) },
            renameByName: { [label]: titleOf(label) for label in shown }
                          + { [column(spec, query)]: query.title for query in spec.queries },
          },
        },
      ] + (
        if !std.objectHas(spec, 'top') then [] else (
          if !std.objectHas(options, 'sort') then [] else [{
            id: 'sortBy',
            options: { fields: {}, sort: [{ field: options.sort, desc: !theme.get(options, 'ascending', false) }] },
          }]
        ) + [{ id: 'limit', options: { limitField: spec.top } }]
      ),
    }),
}
