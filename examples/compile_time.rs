use ppo_gpu::{
    config::Config,
    gpu::{
        Gpu,
        engine::{Engine, Options},
    },
    plan::Plan,
    ppo,
};
fn main() {
    let mut args = std::env::args().skip(1);
    let env = args.next().unwrap();
    let only: Vec<String> = args.collect();
    let mut config = Config::default();
    config.env = env;
    config.envs = 64;
    config.steps = 128;
    config.minibatches = 8;
    config.epochs = 4;
    let gpu = Gpu::open("auto", "").unwrap();
    let plan = Plan::new(&config, gpu.profile("software")).unwrap();
    for kernel in ppo::kernels(&plan) {
        if !only.is_empty() && !only.iter().any(|n| n == kernel.name()) {
            continue;
        }
        let start = std::time::Instant::now();
        let e = Engine::new(
            &gpu,
            &plan,
            &Options {
                only: vec![kernel],
                rewrite: Some(Box::new(|_, text| {
                    let mut text = text.to_string();
                    for pair in std::env::var("CHANGE").unwrap_or_default().split('@').filter(|p| !p.is_empty()) {
                        let (a, b) = pair.split_once("=>").unwrap();
                        assert!(text.contains(a), "{a}");
                        text = text.replace(a, b);
                    }
                    text
                })),
                ..Options::default()
            },
        );
        println!("{} {:.2} {}", kernel.name(), start.elapsed().as_secs_f64(), e.is_ok());
        let e = e.unwrap();
        let d = ppo::start().into_iter().chain(ppo::update(&plan)).find(|d| d.kernel == kernel).unwrap();
        e.run(&[d]).unwrap();
        e.read("agents").unwrap();
        println!("   and run {:.2}", start.elapsed().as_secs_f64());
    }
}
