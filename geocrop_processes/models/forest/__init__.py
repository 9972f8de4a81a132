"""Fast votes: forests of XGBoost, LightGBM and CatBoost evaluated 512 rows at a time, exact against them.

`votes` is the way in. A member's own format is read (`xgboost_format`, `lightgbm_format`, `catboost_format`)
into plain trees (`trees`); their thresholds become columns of codes and masks (`columns`), the trees programs of
multiplexers over masks (`programs`), in groups that a kernel evaluates (`groups`): the one in C, or its twin
in numba (`kernels`, `twin`).
"""
