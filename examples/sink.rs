//! A run whose rows go to a place of one's own, beside the files of the run: `cargo run --release --example sink`.

use ppo_gpu::{Config, Observers, Row, Sink, train};

/// Prints a line for every tenth update.
struct Lines;

impl Sink for Lines {
    fn push(&mut self, row: &Row) -> ppo_gpu::Result<()> {
        if row.update.is_multiple_of(10) {
            println!("agent {} after {:>6} steps: {:?}", row.agent, row.env_steps, row.mean_return);
        }
        Ok(())
    }

    fn flush(&mut self) -> ppo_gpu::Result<()> {
        Ok(())
    }
}

fn main() -> ppo_gpu::Result<()> {
    let config = Config { envs: 64, agents: 2, total_steps: 200_000, ..Config::default() };
    let run = train(&config, None, Observers { sinks: vec![Box::new(Lines)], ..Observers::default() })?;
    println!("{}", run.summary.to_text(&run.directory));
    Ok(())
}
