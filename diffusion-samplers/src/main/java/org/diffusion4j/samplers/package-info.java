/**
 * Methods that turn noise into samples, one final class each.
 *
 * <table>
 *   <caption>Methods</caption>
 *   <tr><th>class</th><th>method</th><th>noise</th><th>steps</th></tr>
 *   <tr><td>{@link org.diffusion4j.samplers.DdpmSampler}</td>
 *     <td>ancestral sampling, with variance beta or the posterior variance (Ho et al. 2020)</td>
 *     <td>every step but the last</td><td>all, or fewer</td></tr>
 *   <tr><td>{@link org.diffusion4j.samplers.DdimSampler}</td>
 *     <td>the implicit model (Song et al. 2021)</td>
 *     <td>none with eta 0, as DDPM with eta 1</td><td>10 to 100 serve</td></tr>
 *   <tr><td>{@link org.diffusion4j.samplers.DdimInversion}</td>
 *     <td>DDIM backwards: from samples to the noise that they come from</td>
 *     <td>none</td><td>as DDIM</td></tr>
 * </table>
 *
 * <p>What they sample from is led further towards its condition by {@link
 * org.diffusion4j.samplers.ClassifierFreeGuidance}, a {@link org.diffusion4j.Denoiser} around
 * another, of which no sampler knows:
 *
 * <pre>{@code
 * Denoiser guided = ClassifierFreeGuidance.of(model, 3);
 * SamplingRequest sevens = SamplingRequest.builder(16).condition(Condition.label(7, 16)).build();
 * SamplingResult result = new DdimSampler(50).sample(guided, sevens);
 * }</pre>
 *
 * <p>All share one loop: a batch of noise; at each step a prediction, its conversion to the clean
 * sample, a correction such as clipping, and the method's formula.
 */
@NullMarked
package org.diffusion4j.samplers;

import org.jspecify.annotations.NullMarked;
