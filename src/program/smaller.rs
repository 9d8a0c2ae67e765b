//! What to lower if a plan is too large for a device.

use crate::program::plan::{Plan, largest_divisor_up_to};
use crate::spec::config::{Config, PerAgent};

/// A key on which sizes depend.
struct Key {
    name: &'static str,
    /// Its value relative to the usual one. The key furthest above its usual value is suggested first.
    excess: fn(&Config) -> f64,
    /// The configuration with about 2^-k of this key's value, or with the least that works; unchanged if there is no smaller value.
    lowered: fn(&Config, k: u32) -> Config,
    /// Its value as a user writes it.
    shown: fn(&Config) -> String,
}

const KEYS: [Key; 6] = [
    Key {
        name: "envs",
        excess: |config| f64::from(config.envs) / 256.0,
        lowered: |config, k| Config { envs: whole_minibatches(config.envs, k, config.minibatches, config.steps), ..config.clone() },
        shown: |config| config.envs.to_string(),
    },
    Key {
        name: "steps",
        excess: |config| f64::from(config.steps) / 128.0,
        lowered: |config, k| Config { steps: whole_minibatches(config.steps, k, config.minibatches, config.envs), ..config.clone() },
        shown: |config| config.steps.to_string(),
    },
    Key {
        name: "agents",
        excess: |config| f64::from(config.agents) / 16.0,
        lowered: |config, k| {
            // Fewer agents would not match lists of hyper-parameters.
            let has_lists = config.per_agent().any(|(_, values)| matches!(values, PerAgent::Each(_)));
            Config { agents: if has_lists { config.agents } else { (config.agents >> k).max(1) }, ..config.clone() }
        },
        shown: |config| config.agents.to_string(),
    },
    Key {
        name: "hidden",
        excess: |config| config.hidden.iter().map(|&width| f64::from(width)).sum::<f64>() / 128.0,
        lowered: |config, k| Config { hidden: config.hidden.iter().map(|width| (width >> k).max(1)).collect(), ..config.clone() },
        shown: |config| config.hidden.iter().map(u32::to_string).collect::<Vec<_>>().join(","),
    },
    Key {
        name: "minibatches",
        excess: |config| f64::from(config.minibatches) / 64.0,
        lowered: |config, k| {
            let (batch, wish) = (config.envs as usize * config.steps as usize, (config.minibatches >> k).max(1) as usize);
            Config { minibatches: largest_divisor_up_to(batch, wish) as u32, ..config.clone() }
        },
        shown: |config| config.minibatches.to_string(),
    },
    Key {
        name: "epochs",
        excess: |config| f64::from(config.epochs) / 16.0,
        lowered: |config, k| Config { epochs: (config.epochs >> k).max(1), ..config.clone() },
        shown: |config| config.epochs.to_string(),
    },
];

/// About 2^-k times `number`, rounded so that its product with `other` gives whole minibatches; at least the smallest such number.
fn whole_minibatches(number: u32, k: u32, minibatches: u32, other: u32) -> u32 {
    let (mut divisor, mut rest) = (minibatches, other);
    while rest > 0 {
        (divisor, rest) = (rest, divisor % rest);
    }
    let step = minibatches / divisor;
    ((number >> k) / step * step).max(step).min(number)
}

impl Plan {
    /// The keys to lower so that the plan `fits`, with their new values. One key is halved repeatedly, if one is enough; if several would do, the one furthest
    /// above its usual value. Otherwise two keys together, otherwise all.
    pub(super) fn smaller(&self, fits: impl Fn(&Plan) -> bool) -> String {
        // The suggestion must not be refused for another reason.
        let loops_end = |plan: &Plan| self.profile.name != "software" || plan.check_software_loops().is_ok();
        let works = |config: &Config| {
            let plan = Plan::with_environment(config, self.environment.clone(), self.profile);
            plan.is_ok_and(|plan| fits(&plan) && loops_end(&plan))
        };
        // All keys of a set are lowered together, by as little as is enough.
        let lowered = |keys: &[&Key]| {
            let mut last = self.config.clone();
            for k in 1..u32::BITS {
                let config = keys.iter().fold(self.config.clone(), |config, key| (key.lowered)(&config, k));
                if config == last {
                    continue;
                }
                if works(&config) {
                    return Some(config);
                }
                last = config;
            }
            None
        };
        let mut keys: Vec<&Key> = KEYS.iter().collect();
        keys.sort_by(|a, b| (b.excess)(&self.config).total_cmp(&(a.excess)(&self.config)));
        let singles = keys.iter().map(|&key| vec![key]);
        let pairs = (0..keys.len()).flat_map(|b| (0..b).map(move |a| (a, b))).map(|(a, b)| vec![keys[a], keys[b]]);
        let found = singles.chain(pairs).chain([keys.clone()]).find_map(|keys| Some((lowered(&keys)?, keys)));
        let see = "`ppo-gpu inspect buffers` shows the size of each buffer";
        match found {
            Some((config, keys)) if keys.len() == 1 => format!("lower {}: {} fits; {see}", keys[0].name, (keys[0].shown)(&config)),
            Some((config, keys)) => {
                let changed = keys.iter().filter(|key| (key.shown)(&config) != (key.shown)(&self.config));
                let parts: Vec<String> = changed.map(|key| format!("{} to {}", key.name, (key.shown)(&config))).collect();
                format!("lower {}: together they fit; {see}", parts.join(" and "))
            }
            None => format!("not even the smallest run on {} fits: use another device; {see}", self.environment.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::buffers::{BUFFERS, Buffer};
    use crate::program::limits::Limits;
    use crate::program::profile::Profile;
    use crate::spec::environment::Environment;
    use crate::support::error::Error;

    /// The plan that `assignments` describe on an environment with `observations` components.
    fn plan(observations: usize, assignments: &[&str]) -> Plan {
        let layers = assignments.iter().filter_map(|pair| pair.split_once('=')).map(|(key, value)| Config::assignment(key, value).expect("a key"));
        let config = Config::from_layers(layers).expect("a configuration");
        let environment = Environment { observation: observations, ..Environment::named("CartPole-v1").expect("built in") };
        Plan::with_environment(&config, environment, Profile::named("small").expect("a profile")).expect("sizes that fit together")
    }

    /// The configuration suggested when no buffer may exceed `most` bytes, parsed from the help text.
    fn offered(plan: &Plan, most: u64) -> String {
        let limits = Limits { buffer_bytes: most, workgroup_bytes: 1 << 15, storage_buffers: 8 };
        let Err(Error::Limit { help, .. }) = plan.check_limits(&limits, None, "a device") else { panic!("it fits") };
        let (offer, _) = help.split_once(" fit").expect("something fits");
        let offer = offer
            .strip_prefix("lower ")
            .unwrap_or_else(|| panic!("nothing to lower: {help}"))
            .trim_end_matches(": together they")
            .replace(" and ", ";")
            .replace(" to ", ": ");
        let mut table = toml::Table::try_from(&plan.config).expect("TOML");
        for part in offer.split(';') {
            let (key, value) = part.split_once(": ").expect("a key and a value");
            table.extend(Config::assignment(key, value).expect("a key"));
        }
        let config = Config::from_layers([table]).unwrap_or_else(|error| panic!("{help}: {error}"));
        let smaller = Plan::with_environment(&config, plan.environment.clone(), plan.profile).unwrap_or_else(|error| panic!("{help}: {error}"));
        smaller.check_limits(&limits, None, "a device").unwrap_or_else(|error| panic!("{help}: {error}"));
        offer
    }

    #[test]
    fn the_suggested_key_shrinks_the_buffer_that_is_too_large() {
        let half = |plan: &Plan| BUFFERS.iter().map(|buffer| buffer.bytes(plan)).max().expect("buffers") / 2;
        for (observations, assignments, key) in [
            (4, &["envs=65536", "steps=16"][..], "envs"),
            (4, &["envs=64", "steps=32768"], "steps"),
            (4, &["envs=16", "agents=20000"], "agents"),
            (4, &["envs=16", "hidden=2048,2048"], "hidden"),
            (4, &["envs=256", "steps=16", "minibatches=4096", "epochs=16"], "minibatches"),
            // Observations of images: halves of 260 that give whole minibatches are not halves.
            (100_000, &["envs=260", "steps=128", "minibatches=13"], "envs"),
            (100_000, &["envs=260", "steps=128", "minibatches=52"], "envs"),
            (100_000, &["envs=16", "steps=2048", "hidden=8"], "steps"),
        ] {
            let plan = plan(observations, assignments);
            let offer = offered(&plan, half(&plan));
            assert!(offer.starts_with(&format!("{key}: ")) && !offer.contains(';'), "{assignments:?}: {offer}");
        }
        // Lists of hyper-parameters keep the number of agents as it is.
        let plan = plan(4, &["agents=2", "lr=1e-3,1e-4", "envs=16", "steps=16"]);
        assert!(!offered(&plan, half(&plan)).contains("agents"));
    }

    #[test]
    fn several_keys_are_suggested_if_no_single_key_is_enough() {
        // One sample a minibatch: fewer samples need fewer minibatches.
        let plan = plan(1000, &["envs=64", "steps=64", "minibatches=4096", "epochs=1", "hidden=4"]);
        let offer = offered(&plan, Buffer::named("observations").bytes(&plan) / 3);
        assert!(offer.contains("minibatches: ") && offer.contains(';'), "{offer}");
        // Observations and parameters, each of which is too large.
        let plan = self::plan(100_000, &["envs=64", "steps=32", "hidden=512"]);
        let offer = offered(&plan, 1 << 25);
        assert!(offer.contains("hidden: ") && (offer.contains("envs: ") || offer.contains("steps: ")), "{offer}");
        // If nothing fits, nothing is suggested.
        let limits = Limits { buffer_bytes: 1 << 10, workgroup_bytes: 1 << 15, storage_buffers: 8 };
        let error = plan.check_limits(&limits, None, "a device").expect_err("too large");
        assert!(error.help().contains("not even the smallest run on CartPole-v1 fits"), "{}", error.help());
    }
}
