"""Fast votes: forests of XGBoost, LightGBM and CatBoost evaluated 512 rows at a time, exact against them.

`votes` is the way in. A member is read from its own format (`xgboost_format`, `lightgbm_format`,
`catboost_format`) into plain trees (`trees`) and tried against its library (`scores`). Thresholds become columns
of codes and masks (`columns`), trees programs of multiplexers over masks (`programs`), in groups (`groups`) that
a kernel evaluates: the one in C (`models/_forest.c`) or its twin in numba (`kernels`, `twin`,
`twin_votes`).
"""
