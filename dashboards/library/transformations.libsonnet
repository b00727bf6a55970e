// Transformations of query results: some by keywords, any other by `raw`.
local names(list, value) = { [name]: value for name in list };

local reducers = { last: 'lastNotNull', mean: 'mean', max: 'max', min: 'min', total: 'sum', count: 'count' };

// The conditions for a row to be kept.
local conditions = {
  above: function(value) { id: 'greater', options: { value: value } },
  below: function(value) { id: 'lower', options: { value: value } },
  is: function(value) { id: 'equal', options: { value: value } },
  is_not: function(value) { id: 'notEqual', options: { value: value } },
  matches: function(value) { id: 'regex', options: { value: value } },
};

local words = {
  sum(title):: { id: 'calculateField', options: { alias: title, mode: 'reduceRow', reduce: { reducer: 'sum' }, replaceFields: false } },

  compute(spec):: {
    id: 'calculateField',
    options: {
      alias: spec.title,
      mode: 'binary',
      binary: { left: spec.left, operator: spec.operator, reducer: 'sum', right: std.toString(spec.right) },
      replaceFields: false,
    },
  },

  rename(spec):: { id: 'organize', options: { excludeByName: {}, indexByName: {}, renameByName: spec } },

  hide(columns):: { id: 'organize', options: { excludeByName: names(columns, true), indexByName: {}, renameByName: {} } },

  order(columns):: {
    id: 'organize',
    options: {
      excludeByName: {},
      indexByName: { [columns[i]]: i for i in std.range(0, std.length(columns) - 1) },
      renameByName: {},
    },
  },

  filter(spec):: {
    id: 'filterByValue',
    options: {
      type: 'include',
      match: 'all',
      filters: [
        { fieldName: spec.column, config: conditions[word](spec[word]) }
        for word in std.objectFields(spec)
        if std.objectHas(conditions, word)
      ],
    },
  },

  sort(spec):: {
    local column = if std.isString(spec) then spec else spec.column,
    id: 'sortBy',
    options: { fields: {}, sort: [{ field: column, desc: if std.isString(spec) then true else !spec.ascending }] },
  },

  limit(most):: { id: 'limit', options: { limitField: most } },

  group(spec):: {
    id: 'groupBy',
    options: {
      fields: { [column]: { operation: 'groupby', aggregations: [] } for column in spec.by }
              + { [column]: { operation: 'aggregate', aggregations: [reducers[spec.calculate[column]]] } for column in std.objectFields(spec.calculate) },
    },
  },

  reduce(list):: { id: 'reduce', options: { mode: 'seriesToRows', reducers: [reducers[one] for one in list] } },

  join(column):: { id: 'joinByField', options: { byField: column, mode: 'outer' } },

  merge(yes):: { id: 'merge', options: {} },

  transpose(yes):: { id: 'transpose', options: {} },

  raw(spec):: spec,
};

{
  // spec: a keyword and its value, {limit: 5}.
  step(spec):: words[std.objectFields(spec)[0]](spec[std.objectFields(spec)[0]]),
}
