// A table with a row per label value and a column per query.
local theme = import '../theme.libsonnet';

local cells = {
  text: { type: 'auto' },
  colored: { type: 'color-text' },
  background: { type: 'color-background', mode: 'basic' },
  shaded: { type: 'color-background', mode: 'gradient' },
  bar: { type: 'gauge', mode: 'basic', valueDisplayMode: 'text' },
  lcd: { type: 'gauge', mode: 'lcd', valueDisplayMode: 'text' },
  sparkline: { type: 'sparkline', hideValue: false },
  json: { type: 'json-view' },
  image: { type: 'image' },
};

local isSparkline(query) = theme.get(query, 'as', '') == 'sparkline';

// Grafana names the value of a single query `Value`, those of several `Value #A`, `Value #B` …, and a sparkline `Trend #A`.
local column(spec, query) =
  if isSparkline(query) then 'Trend #' + query.ref
  else if std.length(spec.queries) == 1 then 'Value'
  else 'Value #' + query.ref;

// The series of these queries become one row each. Without the filter, tables of a single time would be taken for series.
local toSparklines(spec) =
  local refs = [query.ref for query in spec.queries if isSparkline(query)];
  if refs == [] then [] else [{
    id: 'timeSeriesTable',
    options: {},
    filter: { id: 'byRefId', options: if std.length(refs) == 1 then refs[0] else '/^(?:%s)$/' % std.join('|', refs) },
  }];

local cell(query) =
  local colored = theme.hasThresholds(query) || std.length(theme.mappings(query)) > 0;
  cells[theme.get(query, 'as', if colored then 'colored' else 'text')];

local barred(query) = std.member(['bar', 'lcd'], theme.get(query, 'as', ''));

local override(query, valueOf) = {
  matcher: { id: 'byName', options: query.title },
  properties: [
    { id: 'unit', value: theme.get(query, 'unit', 'short') },
    { id: 'thresholds', value: theme.thresholds(query) },
    { id: 'mappings', value: theme.mappings(query) + theme.blank },
    { id: 'custom.cellOptions', value: cell(query) },
  ] + (if std.objectHas(query, 'decimals') then [{ id: 'decimals', value: query.decimals }] else [])
    + (if barred(query) then [{ id: 'min', value: 0 }] else [])
    + (if barred(query) && theme.get(query, 'unit', '') == 'percentunit' then [{ id: 'max', value: 1 }] else [])
    + (if std.objectHas(query, 'width') then [{ id: 'custom.width', value: query.width }] else [])
    + (if std.objectHas(query, 'link') then [{ id: 'links', value: [theme.link(query.link, valueOf)] }] else []),
};

{
  words: { table: 'One row per value of the labels in `by`, one column per query.' },
  called: { list: 'table', grid: 'table' },
  grafana: {
    type: 'table', name: 'Table', public: true,
  },
  content: { '$ref': '#/$defs/queries' },
  queries: 'table',
  height: 8,
  width: 6,
  options: {
    sort: {
      description: 'The title of the column to sort by, highest first; or several, of which the first counts most.',
      type: ['string', 'array'],
      items: { type: 'string' },
      examples: ['Requests'],
    },
    ascending: { description: 'Sort lowest first.', type: 'boolean', default: false },
    names: {
      examples: [{ name: 'Container' }],
      description: 'Titles of the columns that hold labels, such as {name: Container}, also labels of a single query; an empty title hides the column.',
      type: 'object',
      additionalProperties: { type: 'string' },
    },
    hidden: {
      examples: [['address']],
      description: 'Labels of single queries whose columns are not shown; a link may use them as `${__data.fields.NAME:raw}`.',
      type: 'array',
      items: { '$ref': '#/$defs/label_name' },
    },
    label_links: {
      examples: [{ name: 'containers' }],
      description: 'The dashboards that a click on a label opens, such as {name: container}; labels are passed on.',
      type: 'object',
      additionalProperties: { type: 'string', minLength: 1 },
    },
    across: {
      description: 'A label whose values become columns: with by: [component] and across: system, one column per system.',
      '$ref': '#/$defs/label_name',
    },
    totals: { description: 'Add a last row with the sum of each column.', type: 'boolean', default: false },
    filters: { description: 'Offer filters by the values of columns.', type: 'boolean', default: false },
    page: { description: 'Use pagination.', type: 'boolean', default: false },
    line_height: { description: 'The height of rows.', enum: ['low', 'middle', 'high'], default: 'low' },
  },
  example: {
    table: [{ show: 'up', title: 'Up', as: 'background', width: 90 }, 'scrape_duration_seconds'],
    title: 'Targets',
    description: 'Every target that Prometheus scrapes.',
    by: ['job', 'instance'],
    sort: 'Up',
  },

  panel(spec)::
    local options = theme.get(spec, 'options', {});
    local names = theme.get(options, 'names', {});
    local capital(word) = std.asciiUpper(std.substr(word, 0, 1)) + std.substr(word, 1, std.length(word) - 1);
    local titleOf(label) = theme.get(names, label, capital(std.strReplace(label, '_', ' ')));
    local labels = theme.get(spec, 'by', []);
    // Labels of single queries, which `by` of the table does not have.
    local further = [label for label in std.objectFields(names) if !std.member(labels, label)];
    local sorted = local titles = theme.get(options, 'sort', []); if std.isString(titles) then [titles] else titles;
    local shown = [label for label in labels if titleOf(label) != ''];
    local columns = shown + [column(spec, query) for query in spec.queries];
    local valueOf(label) = '__data.fields["' + titleOf(label) + '"]';
    local foreign = !std.objectHas(spec.queries[0], 'expr');  // columns named by its own query
    local across = theme.get(options, 'across', '');
    local sideways = labels[0] + '\\' + across;
    // The links of a label's values; the first label has the link of the whole row.
    local opens = { [label]: [theme.link(spec.label_links[label], valueOf)] for label in std.objectFields(theme.get(spec, 'label_links', {})) };
    local first = (if std.objectHas(spec, 'link') then [theme.link(spec.link, valueOf)] else []) + theme.openings(spec, valueOf);
    local links(label) = (if label == shown[0] then first else []) + theme.get(opens, label, []);
    local linked = [
      { matcher: { id: 'byName', options: titleOf(label) }, properties: [{ id: 'links', value: links(label) }] }
      for label in shown
      if links(label) != []
    ];
    // Until 12.1; later versions migrate it to `custom.hideFrom.viz`.
    local hidden = [
      { matcher: { id: 'byName', options: titleOf(label) }, properties: [{ id: 'custom.hidden', value: true }] }
      for label in theme.get(options, 'hidden', [])
    ];
    // The text for missing data belongs to an empty table and to missing numbers, not to a label that a row lacks.
    local emptyLabels = if std.objectHas(spec, 'no_data_text') then [{ matcher: { id: 'byType', options: 'string' }, properties: [{ id: 'noValue', value: '' }] }] else [];
    local rowLabel = { matcher: { id: 'byName', options: titleOf(labels[0]) }, properties: [{ id: 'unit', value: 'string' }] };
    // The names of columns made of label values are unknown: the single query determines the style of all.
    local whole = if across == '' then {} else {
      defaults+: { unit: spec.queries[0].unit, thresholds: theme.thresholds(spec.queries[0]), mappings: theme.mappings(spec.queries[0]) + theme.blank },
    };
    local queries = [query + (if isSparkline(query) then { query_type: 'range' } else {}) for query in spec.queries];
    theme.queried(spec + { queries: queries }, 'table', 'table', {
      // Label columns have no override: as a number, the id 1234567890123 would be shown as 1.23 Tri.
      fieldConfig: theme.fieldConfig({ [if std.objectHas(spec, 'no_data_text') then 'no_data_text']: spec.no_data_text, unit: if foreign then theme.get(spec, 'unit', 'short') else 'string' }, { mode: 'thresholds' }, {
        align: 'auto',
        cellOptions: if across == '' then { type: 'auto' } else cell(spec.queries[0]),
        filterable: theme.get(options, 'filters', false),
        inspect: false,
        minWidth: 80,
        wrapHeaderText: true,
        // Grafana 12.2 and later; earlier versions read the option `footer` of the panel.
        [if theme.get(options, 'totals', false) then 'footer']: { reducers: ['sum'] },
      }) + whole + {
        overrides: emptyLabels + (if across == '' || foreign then [] else [rowLabel]) + (if across == '' && !foreign then [override(query, valueOf) for query in spec.queries] else []) + linked + hidden + theme.seriesOverrides(spec),
      },
      options: {
        showHeader: true,
        cellHeight: { low: 'sm', middle: 'md', high: 'lg' }[theme.get(options, 'line_height', if theme.get(spec, 'large', false) then 'high' else 'low')],
        frameIndex: 0,
        [if theme.get(options, 'page', false) then 'enablePagination']: true,
        // Until 12.1; later versions migrate it to `custom.footer` and `enablePagination`, to the same values.
        footer: {
          show: theme.get(options, 'totals', false),
          reducer: ['sum'],
          countRows: false,
          fields: [],
          [if theme.get(options, 'page', false) then 'enablePagination']: true,
        },
        sortBy: [{ displayName: title, desc: !theme.get(options, 'ascending', false) } for title in sorted],
      },
      transformations: if foreign then [] else if across != '' then [
        { id: 'groupingToMatrix', options: { columnField: across, rowField: labels[0], valueField: 'Value', emptyValue: 'empty' } },
        { id: 'organize', options: { excludeByName: {}, indexByName: {}, renameByName: { [sideways]: titleOf(labels[0]) } } },
      ] else toSparklines(spec) + (if std.length(spec.queries) > 1 then [{ id: 'merge', options: {} }] else []) + [
        {
          id: 'organize',
          options: {
            excludeByName: { Time: true } + { [label]: true for label in labels + further if titleOf(label) == '' },
            indexByName: { [columns[i]]: i for i in std.range(0, std.length(columns) - 1) },
            renameByName: { [label]: titleOf(label) for label in shown + further if titleOf(label) != '' }
                          + { [column(spec, query)]: query.title for query in spec.queries },
          },
        },
      ] + (
        if !std.objectHas(spec, 'top') then [] else (
          if sorted == [] then [] else [{
            id: 'sortBy',
            options: { fields: {}, sort: [{ field: title, desc: !theme.get(options, 'ascending', false) } for title in sorted] },
          }]
        ) + [{ id: 'limit', options: { limitField: spec.top } }]
      ),
    }),
}
