//! Talking to models: providers, streaming, repairing calls, probing, replaying.
