//! Billing dates: zones, intervals, anchors and periods.
