//! The registry as OTLP metrics.
