//! Logs to standard error or a file, and metrics for `/metrics`. What is logged and counted is told elsewhere.

use std::{
    fs::File,
    io::{self, IsTerminal},
    path::Path,
    sync::Mutex,
};

use anyhow::Context;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing::Subscriber;
use tracing_subscriber::{
    EnvFilter, Layer, filter::ParseError, fmt::MakeWriter, layer::SubscriberExt, registry,
    util::SubscriberInitExt,
};

use crate::config::{Log, LogFormat};

/// Upper bounds, in seconds, for every metric whose name ends so: from a write to the database up to
/// the slowest answer of a gateway.
const SECONDS: &str = "_seconds";
const BOUNDS: [f64; 12] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0];

/// The metrics of this process.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// All metrics at this moment, in the Prometheus text format.
    pub fn render(&self) -> String {
        // Without this, what histograms hold grows from one look to the next.
        self.0.run_upkeep();
        self.0.render()
    }
}

/// Starts logging as `log` says. Fails if the filter is none, or if the process already logs.
pub fn log_to_stderr(log: &Log) -> anyhow::Result<()> {
    subscriber(log, io::stderr, io::stderr().is_terminal())?.try_init()?;
    Ok(())
}

/// Starts logging to a file, which is made or begun anew.
pub fn log_to_file(log: &Log, path: &Path) -> anyhow::Result<()> {
    let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    subscriber(log, Mutex::new(file), false)?.try_init()?;
    Ok(())
}

/// Starts counting. Fails if the process already counts.
pub fn count() -> anyhow::Result<Metrics> {
    let builder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix(SECONDS.to_owned()), &BOUNDS)?;
    Ok(Metrics(builder.install_recorder()?))
}

/// Times are UTC: the formatter's own clock gives nothing else.
fn subscriber<W>(
    log: &Log,
    writer: W,
    in_colour: bool,
) -> anyhow::Result<impl Subscriber + Send + Sync + 'static>
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(in_colour);
    let lines = match log.format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    Ok(registry().with(lines).with(filter(log)?))
}

/// What the operator wants, over what we do not want by ourselves: the scheduler tells of each tick,
/// Postgres of each table that is there already, and the driver prints slow statements whole.
fn filter(log: &Log) -> Result<EnvFilter, ParseError> {
    EnvFilter::try_new(format!(
        "tokio_cron_scheduler=warn,sqlx::postgres::notice=warn,sqlx::query=error,{}",
        log.filter
    ))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(log: &Log) -> String {
        let paper = Paper::default();
        let written = paper.0.clone();
        let subscriber = subscriber(log, move || paper.clone(), false).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(invoice = "inv_1", "paid");
            tracing::debug!("too fine");
            tracing::info!(target: "sqlx::postgres::notice", "relation exists, skipping");
            tracing::warn!(target: "sqlx::query", "slow statement");
        });
        String::from_utf8(written.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn a_json_line_is_one_object_with_its_facts_and_a_utc_time() {
        let log = Log { format: LogFormat::Json, filter: "info".to_owned() };
        let line: serde_json::Value = serde_json::from_str(&logged(&log)).unwrap();
        assert_eq!(line["invoice"], "inv_1");
        assert_eq!(line["message"], "paid");
        assert!(line["timestamp"].as_str().unwrap().ends_with('Z'), "{line}");
    }

    #[test]
    fn the_filter_decides_what_is_written() {
        let text = |filter: &str| logged(&Log { filter: filter.to_owned(), ..Log::default() });
        assert!(text("info").contains("paid") && !text("info").contains("too fine"));
        assert!(text("debug").contains("too fine"));
        assert_eq!(text("warn"), "");
    }

    #[test]
    fn what_was_counted_is_rendered() {
        let metrics = count().unwrap();
        metrics::counter!("rondo_payments_total", "outcome" => "paid").increment(2);
        metrics::histogram!("rondo_call_seconds").record(0.3);
        let text = metrics.render();
        assert!(text.contains("rondo_payments_total{outcome=\"paid\"} 2"), "{text}");
        assert!(text.contains("rondo_call_seconds_bucket{le=\"0.5\"} 1"), "{text}");
    }
}
