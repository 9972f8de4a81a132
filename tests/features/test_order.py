import hashlib

from geocrop_processes.features.order import FEATURE_ORDER_V1, FINGERPRINT

NAMES = """
ndvi_sep ndvi_oct ndvi_nov ndvi_dec ndvi_jan ndvi_feb ndvi_mar ndvi_apr ndvi_may
ndre_sep ndre_oct ndre_nov ndre_dec ndre_jan ndre_feb ndre_mar ndre_apr ndre_may
lswi_sep lswi_oct lswi_nov lswi_dec lswi_jan lswi_feb lswi_mar lswi_apr lswi_may
ndvi_base ndvi_peak ndvi_amp ndvi_sos ndvi_pos ndvi_eos ndvi_greenup ndvi_senesc ndvi_integral
ndvi_h1_amp ndvi_h2_amp ndvi_h_rmse
evi_p90 gcvi_p90 psri_p90 bsi_p90 ndti_p50 mndwi_p90
b04_w1 b11_w1 b08_w3 b11_w3 b04_w4 b11_w4
"""


def test_the_order_never_changes() -> None:
    assert list(FEATURE_ORDER_V1) == NAMES.split()
    assert len(set(FEATURE_ORDER_V1)) == 51


def test_the_fingerprint_is_the_digest_of_the_names() -> None:
    assert "sha256:" + hashlib.sha256("\n".join(NAMES.split()).encode()).hexdigest() == FINGERPRINT
