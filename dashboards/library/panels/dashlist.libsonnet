// Links to other dashboards.
local theme = import '../theme.libsonnet';

{
  words: { dashboards: 'Links to other dashboards, selected by tags: [deckwatch]; [] lists all.' },
  called: { dashlist: 'dashboards', dashboardlist: 'dashboards' },
  grafana: {
    type: 'dashlist', name: 'Dashboard list', public: false,
  },
  content: { description: 'Tags that a dashboard must have, all of them.', type: 'array', items: { type: 'string', minLength: 1 } },
  queries: '',
  height: 8,
  width: 4,
  options: {
    limit: { description: 'The maximum number of entries.', type: 'integer', minimum: 1, default: 30 },
    search: { description: 'Only dashboards with these words in their titles.', type: 'string', examples: ['shop'] },
    starred: { description: 'Also show starred dashboards.', type: 'boolean', default: false },
    recent: { description: 'Also show recently viewed dashboards.', type: 'boolean', default: false },
  },
  example: { dashboards: ['deckwatch'], title: 'Dashboards', description: 'Related dashboards.' },

  panel(spec)::
    local options = theme.get(spec, 'options', {});
    local starred = theme.get(options, 'starred', false);
    local recent = theme.get(options, 'recent', false);
    theme.panel(spec, 'dashlist', {
      options: {
        showSearch: true,
        showStarred: starred,
        showRecentlyViewed: recent,
        showHeadings: starred || recent,
        showFolderNames: false,
        includeVars: false,
        keepTime: true,
        maxItems: theme.get(options, 'limit', 30),
        query: theme.get(options, 'search', ''),
        tags: spec.content,
      },
    }),
}
