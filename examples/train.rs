//! Trains CartPole with a callback after every update, keeps a checkpoint, and lets the policy play: `cargo run --release --example train`.

use ppo_gpu::{Config, EvalOptions, Gpu, Plan, Player, PlayerOptions, Trainer, evaluate};
use std::ops::ControlFlow;

fn main() -> ppo_gpu::Result<()> {
    let config = Config { envs: 64, total_steps: 300_000, ..Config::default() };
    let gpu = Gpu::open("auto", "")?;
    let plan = Plan::new(&config, gpu.profile("auto"))?;
    let environment = plan.environment.clone();

    // Train: `rows` holds a row for each agent.
    let mut trainer = Trainer::new(gpu.clone(), plan)?;
    trainer.run(&mut |rows| {
        let row = &rows[0];
        if row.update.is_multiple_of(10) {
            println!("update {:>3}: mean return {:.1}, KL {:.4}", row.update, row.mean_return.unwrap_or(f32::NAN), row.approx_kl);
        }
        // Or ControlFlow::Break(()) to stop; `run` goes on when it is called again.
        if row.mean_return >= Some(200.0) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    let checkpoint = trainer.checkpoint()?;

    // Evaluate: 200 episodes with the most probable actions.
    let options = EvalOptions { episodes: 200, deterministic: true, agent: None, most_steps: 10_000, quiet: true };
    let evaluation = evaluate(&gpu, &config, &environment, &checkpoint, &options)?;
    println!("{}", evaluation.to_text());

    // Step it by hand: four environments, one step at a time.
    let options = PlayerOptions { agents: vec![0], envs: 4, steps: 1, seed: 7, deterministic: false };
    let mut player = Player::new(&gpu, &config, &environment, Some(&checkpoint), &options)?;
    for step in 0..3 {
        let transitions = player.advance()?;
        println!("step {step}: rewards {:?}", transitions.iter().map(|transition| transition.reward).collect::<Vec<_>>());
    }
    Ok(())
}
