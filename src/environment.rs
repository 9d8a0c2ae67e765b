//! Environments: one WGSL file each, which alone says what it is. The host reads its constants back with naga.

use crate::config::did_you_mean;
use crate::error::{Error, Result};
use crate::gpu::{compose, reflect};

/// Built-in environments: standard name and WGSL file.
const BUILT_IN: &[(&str, &str)] = &[("CartPole-v1", include_str!("../shaders/envs/cartpole.wgsl"))];

/// An environment as its WGSL file declares it.
#[derive(Debug, Clone)]
pub struct Environment {
    /// Standard name.
    pub name: String,
    /// The WGSL file.
    pub source: String,
    /// Observation size O (`OBSERVATION`).
    pub observation: usize,
    /// Number of discrete actions A (`ACTIONS`).
    pub actions: usize,
    /// Steps after which an episode is truncated (`TIME_LIMIT`).
    pub time_limit: u32,
    /// Mean return over 100 episodes from which the environment counts as solved (`SOLVED_RETURN`).
    pub solved_return: f32,
    /// Words of `EnvState`.
    pub state_words: usize,
}

impl Environment {
    /// The built-in environment called `name` (upper or lower case).
    ///
    /// # Errors
    /// [`Error::Config`] naming the nearest environment when there is none of that name.
    pub fn named(name: &str) -> Result<Environment> {
        let (name, source) = BUILT_IN.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).ok_or_else(|| {
            let names: Vec<&str> = BUILT_IN.iter().map(|(known, _)| *known).collect();
            let help = format!("one of {}{}", names.join(", "), did_you_mean(name, names.iter().copied()));
            Error::config("env", format!("there is no environment '{name}'"), help)
        })?;
        Environment::parse(name, source)
    }

    /// The environment that a WGSL file declares.
    ///
    /// # Errors
    /// [`Error::Shader`] when it does not compile or lacks a declaration.
    pub fn parse(name: &str, source: &str) -> Result<Environment> {
        let module = reflect::parse(name, &compose::with_imports(source))?;
        let constant = |constant: &str| {
            reflect::constant(&module, constant)
                .ok_or_else(|| Error::Shader { kernel: name.into(), report: format!("an environment must declare `const {constant}` as a number") })
        };
        Ok(Environment {
            name: name.into(),
            source: source.into(),
            observation: constant("OBSERVATION")? as usize,
            actions: constant("ACTIONS")? as usize,
            time_limit: constant("TIME_LIMIT")? as u32,
            solved_return: constant("SOLVED_RETURN")? as f32,
            state_words: reflect::structure(&module, "EnvState")
                .ok_or_else(|| Error::Shader { kernel: name.into(), report: "an environment must declare `struct EnvState`".into() })?
                .1,
        })
    }
}
