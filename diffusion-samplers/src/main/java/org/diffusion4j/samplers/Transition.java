package org.diffusion4j.samplers;

/**
 * A step of a sampler.
 *
 * @param t what the denoiser is asked about
 * @param from the timestep whose noise level the samples have, -1 for none
 * @param to the timestep whose noise level they get, -1 for none
 * @param last whether no step follows
 */
record Transition(int t, int from, int to, boolean last) {}
