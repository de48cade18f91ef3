"""Tests of the benchmark itself: that it measures at all, and judges rightly."""
