"""Published maps as OGC API collections: coverages, map tiles, legends and styles.

A request is read (`asked`, `scaling`, `times`, `crs`, `fields`), a collection found (`everything`, `coverage`,
`queries`), its pixels placed and read (`coverage.place`, `reading`), and written (`encoding`, `covjson`);
`description`, `listing` and `tilesets` say what there is; `routes` is where the application enters.
"""
