// A library panel of Grafana, shared by several dashboards.
local theme = import '../theme.libsonnet';

{
  words: { library: "A library panel of Grafana, by its uid; Grafana determines its content." },
  called: { librarypanel: 'library', library_panel: 'library', libraryPanel: 'library' },
  grafana: { type: 'library-panel-ref', name: 'Library panel', public: false, portable: false },
  content: { description: "The uid of the library panel, as in its URL in Grafana.", type: 'string', title: 'a uid of letters, digits, - and _', pattern: '^[A-Za-z0-9_-]{1,40}$' },
  queries: '',
  height: 8,
  width: 4,
  options: {},
  example: { library: 'shop-orders', title: 'Orders', description: 'A panel shared by all shop dashboards.' },

  panel(spec):: theme.panel(spec, 'library-panel-ref', { libraryPanel: { uid: spec.content, name: spec.title } }),
}
