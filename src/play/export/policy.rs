//! The policy and value function of one agent, without training state.

use crate::program::plan::OBSERVATION_CLIP;
use crate::spec::config::{Activation, Config, Onto};
use crate::spec::environment::{Actions, Environment};
use crate::spec::network::{ACTOR, CRITIC, Network};
use crate::spec::records::Normalizer;
use crate::support::error::{Error, Result};
use crate::train::checkpoint::Checkpoint;

/// A dense layer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Dense {
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    /// `[input][output]`.
    pub(super) weights: Vec<f32>,
    pub(super) bias: Vec<f32>,
}

impl Dense {
    /// Makes values of normalised ones.
    fn denormalize(&mut self, normalizer: &Normalizer) {
        let (mean, deviation) = (f64::from(normalizer.mean.value), 1.0 / f64::from(normalizer.scale));
        self.weights.iter_mut().for_each(|weight| *weight = (f64::from(*weight) * deviation) as f32);
        self.bias.iter_mut().for_each(|bias| *bias = (f64::from(*bias) * deviation + mean) as f32);
    }
}

/// How a component of the observation is normalised: `clamp((x - mean) * scale, -10, 10)`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Normalization {
    pub(super) mean: Vec<f32>,
    pub(super) variance: Vec<f32>,
    pub(super) scale: Vec<f32>,
}

/// The policy and value function of one agent, without training state.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    pub(super) environment: String,
    /// Parameters of the environment that were sampled for this agent.
    pub(super) world: Vec<(String, String)>,
    pub(super) updates: u32,
    /// The axes of what the actor observes.
    pub(super) shape: Vec<usize>,
    /// Observations of the environment that one observation consists of.
    pub(super) history: usize,
    /// Components of the observation behind those, which only the critic sees.
    pub(super) privileged: usize,
    pub(super) actions: Actions,
    pub(super) onto: Onto,
    pub(super) masked: bool,
    pub(super) activation: Activation,
    pub(super) normalization: Option<Normalization>,
    pub(super) actor: Vec<Dense>,
    /// Its outputs are values, also where the critic was trained to predict normalised ones.
    pub(super) critic: Vec<Dense>,
    /// Logarithms of the standard deviations of continuous actions.
    pub(super) log_std: Vec<f32>,
}

impl Policy {
    /// The policy of agent `agent` of `checkpoint`, from a run of `config` on `environment`.
    ///
    /// # Errors
    /// [`Error::Config`] when there is no such agent; those of [`Environment::with_history`].
    pub fn of(config: &Config, environment: &Environment, checkpoint: &Checkpoint, agent: usize) -> Result<Policy> {
        if agent >= config.agents as usize {
            return Err(Error::no_agent(agent, config.agents as usize));
        }
        let environment = &environment.clone().with_history(config.observation_history as usize)?;
        let (actions, history) = (&environment.actions, environment.history);
        let network = Network::of(config, environment);
        let params: Vec<f32> = bytemuck::pod_collect_to_vec(&checkpoint.words_of("params", &[agent]));
        let layers = |which: usize| -> Vec<Dense> {
            let base = which * network.block();
            let layer = |(l, layer): (usize, &crate::spec::network::Layer)| {
                let (inputs, outputs) = (network.inputs(which, l), network.weighted(which, l));
                let weights = (0..inputs).flat_map(|m| (0..outputs).map(move |k| (m, k))).map(|(m, k)| params[base + layer.weight(m, k)]).collect();
                Dense { inputs, outputs, weights, bias: (0..outputs).map(|k| params[base + layer.bias(k)]).collect() }
            };
            network.layers.iter().enumerate().map(layer).collect()
        };
        let mut critic = layers(CRITIC);
        if config.normalize_values {
            let normalizers: Vec<Normalizer> = bytemuck::pod_collect_to_vec(&checkpoint.words_of("value_normalizers", &[agent]));
            critic.iter_mut().last().expect("a network has a head").denormalize(&normalizers[0]);
        }
        let head = network.layers[network.layers.len() - 1];
        let log_std = (actions.weighted()..actions.outputs()).map(|k| params[ACTOR * network.block() + head.bias(k)]).collect();
        let normalization = config.normalize_observations.then(|| {
            let normalizers: Vec<Normalizer> = bytemuck::pod_collect_to_vec(&checkpoint.words_of("normalizers", &[agent]));
            let column = |of: fn(&Normalizer) -> f32| normalizers[..environment.observation].iter().map(of).collect();
            Normalization { mean: column(|of| of.mean.value), variance: column(|of| of.variance.value), scale: column(|of| of.scale) }
        });
        Ok(Policy {
            environment: environment.name.clone(),
            world: environment.world(config, checkpoint.agents()[agent].world()),
            updates: checkpoint.updates,
            shape: match environment.privileged {
                0 => environment.shape.clone(),
                _ if history > 1 => vec![history, environment.seen() / history],
                _ => vec![environment.seen()],
            },
            history,
            privileged: environment.privileged,
            actions: actions.clone(),
            onto: config.actions,
            masked: environment.masked,
            activation: config.activation,
            normalization,
            actor: layers(ACTOR),
            critic,
            log_std,
        })
    }

    /// Components of an observation that the actor sees.
    pub(super) fn observation(&self) -> usize {
        self.actor[0].inputs
    }

    /// What other programs read of a policy, by its name in the files' metadata: the axes of what it observes, `[10,10,4]`; the number of privileged
    /// components behind that, if there are any; the number of the environment's observations in it, if there are several; and "scale" if means from -1 to 1 stand for the bounds of continuous actions.
    pub(super) fn entries(&self) -> Vec<(String, String)> {
        let shape = ("observation_shape", serde_json::json!(self.shape).to_string());
        let scaled = (self.onto == Onto::Scale).then(|| ("actions", "scale".to_string()));
        let privileged = (self.privileged > 0).then(|| ("privileged_observation", self.privileged.to_string()));
        let history = (self.history > 1).then(|| ("observation_history", self.history.to_string()));
        [shape].into_iter().chain(history).chain(privileged).chain(scaled).map(|(key, value)| (key.to_string(), value)).collect()
    }

    /// A description in one line.
    pub(super) fn about(&self) -> String {
        let normalized =
            if self.normalization.is_some() { format!("; observations are normalised and clipped to +-{OBSERVATION_CLIP} first") } else { String::new() };
        let activation = match self.activation {
            Activation::Tanh => "tanh",
            Activation::Relu => "relu",
        };
        let actions = self.actions.describe();
        let world: Vec<String> = self.world.iter().map(|(name, value)| format!(", {name} = {value}")).collect();
        let masked = if self.masked { "; where a mask leaves no action of a choice, that choice is -1 (as a u32: 0xffffffff)" } else { "" };
        let privileged = match self.privileged / self.history {
            0 => String::new(),
            count => format!("; the policy observes all but the environment's last {count} components, which only the value depends on"),
        };
        let history = match self.history {
            1 => String::new(),
            count => format!("; the observation is the environment's last {count}, the oldest first, and after a reset its first one {count} times"),
        };
        let scaled = if self.onto == Onto::Scale { "; means are clipped to -1 and 1, which are mapped linearly onto the bounds of actions" } else { "" };
        let (version, world) = (env!("CARGO_PKG_VERSION"), world.concat());
        // It may be a file, whose name may have line breaks.
        let environment = self.environment.replace(char::is_control, " ");
        format!(
            "ppo-gpu {version}, {environment}{world} after {} updates: {actions}, {activation}{normalized}{masked}{history}{privileged}{scaled}",
            self.updates
        )
    }
}
