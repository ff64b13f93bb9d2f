"""Findings at the bedside that tests begin from and change one at a time: fever alone, and a patient with every ICANS finding normal."""

FEBRILE = {
    "temperature": 39.0,
    "fever_attributable": True,
    "crs_diagnosed": False,
    "fever_suppressed": False,
    "hypotension": "none",
    "vasopressors": 0,
    "vasopressin": False,
    "hypotension_attributable": True,
    "oxygen_device": "none",
    "oxygen_reason": "none",
    "hypoxia_attributable": True,
}
AWAKE = {
    "age": 55,
    "ice_score": 10,
    "arousal": "spontaneous",
    "sedated": False,
    "seizure": "none",
    "deep_focal_motor_weakness": False,
    "cerebral_edema": "none",
    "raised_icp_sign": False,
}
