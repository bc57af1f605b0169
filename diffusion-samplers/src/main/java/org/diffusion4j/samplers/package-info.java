/**
 * Sampling methods, one final class each.
 *
 * <table>
 *   <caption>Samplers: order of convergence, denoiser calls per step, steps that add noise, and
 *   usual number of steps</caption>
 *   <tr><th>class</th><th>method</th><th>order</th><th>calls</th><th>noise</th><th>steps</th></tr>
 *   <tr><td>{@link org.diffusion4j.samplers.DdpmSampler}</td>
 *     <td>ancestral sampling; the variance is beta, the posterior's, or learned (Ho et al. 2020)</td>
 *     <td>1</td><td>1</td><td>every step but the last</td><td>all, or fewer</td></tr>
 *   <tr><td>{@link org.diffusion4j.samplers.DdimSampler}</td>
 *     <td>implicit models (Song et al. 2021); with jumps RePaint (Lugmayr et al. 2022)</td>
 *     <td>1</td><td>1</td><td>none with eta 0, as DDPM with eta 1</td><td>10 to 100</td></tr>
 *   <tr><td>{@link org.diffusion4j.samplers.DdimInversion}</td>
 *     <td>DDIM in reverse: from samples to their noise</td>
 *     <td>1</td><td>1</td><td>none</td><td>as DDIM</td></tr>
 *   <tr><td>{@link org.diffusion4j.samplers.EulerSampler}</td>
 *     <td>Euler's method for the probability flow ODE (Karras et al. 2022); also ancestral (k-diffusion)</td>
 *     <td>1</td><td>1</td><td>with churn; every step if ancestral</td><td>20 to 50</td></tr>
 *   <tr><td>{@link org.diffusion4j.samplers.HeunSampler}</td>
 *     <td>Heun's method (Karras et al. 2022)</td>
 *     <td>2</td><td>2</td><td>with churn</td><td>10 to 30</td></tr>
 *   <tr><td>{@link org.diffusion4j.samplers.Kdpm2Sampler}</td>
 *     <td>the midpoint method in the logarithm of sigma; also ancestral (k-diffusion)</td>
 *     <td>2</td><td>2</td><td>if ancestral</td><td>10 to 30</td></tr>
 *   <tr><td>{@link org.diffusion4j.samplers.LmsSampler}</td>
 *     <td>the Adams-Bashforth method in sigma (k-diffusion)</td>
 *     <td>1 to 4</td><td>1</td><td>none</td><td>15 to 40</td></tr>
 *   <tr><td>{@link org.diffusion4j.samplers.PndmSampler}</td>
 *     <td>the Adams-Bashforth method with DDIM's moves, PLMS (Liu et al. 2022)</td>
 *     <td>2</td><td>1</td><td>none</td><td>20 to 50</td></tr>
 *   <tr><td>{@link org.diffusion4j.samplers.DpmSolverSampler}</td>
 *     <td>DPM-Solver and DPM-Solver++, multistep; also SDE (Lu et al. 2022, 2023)</td>
 *     <td>1 to 3</td><td>1</td><td>if SDE</td><td>10 to 25</td></tr>
 *   <tr><td>{@link org.diffusion4j.samplers.DpmSolverSinglestepSampler}</td>
 *     <td>the same, singlestep</td>
 *     <td>1 to 3</td><td>1</td><td>if SDE</td><td>10 to 25</td></tr>
 *   <tr><td>{@link org.diffusion4j.samplers.UniPcSampler}</td>
 *     <td>predictor and corrector with one call (Zhao et al. 2023)</td>
 *     <td>2 to 5</td><td>1</td><td>none</td><td>5 to 15</td></tr>
 *   <tr><td>{@link org.diffusion4j.samplers.DeisSampler}</td>
 *     <td>polynomials in the logarithm of sigma (Zhang and Chen 2023)</td>
 *     <td>1 to 3</td><td>1</td><td>none</td><td>10 to 25</td></tr>
 *   <tr><td>{@link org.diffusion4j.samplers.LcmSampler}</td>
 *     <td>consistency models, distilled (Luo et al. 2023)</td>
 *     <td></td><td>1</td><td>every step but the last</td><td>1 to 8</td></tr>
 *   <tr><td>{@link org.diffusion4j.samplers.Samplers#tcd}</td>
 *     <td>trajectory consistency models, distilled (Zheng et al. 2024)</td>
 *     <td></td><td>1</td><td>with eta above 0</td><td>1 to 8</td></tr>
 * </table>
 *
 * <p>{@link org.diffusion4j.samplers.ClassifierFreeGuidance} guides samples towards a condition. It
 * is a {@link org.diffusion4j.Denoiser} that wraps another, so it works with every sampler:
 *
 * <pre>{@code
 * Denoiser guided = ClassifierFreeGuidance.of(model, 3);
 * SamplingRequest sevens = SamplingRequest.builder(16).condition(Condition.label(7, 16)).build();
 * SamplingResult result = new DdimSampler(50).sample(guided, sevens);
 * }</pre>
 *
 * <p>{@link org.diffusion4j.samplers.ProbabilityFlow} is the view of a denoiser as a score: the
 * score itself, the likelihood of samples, and the way from samples to noise and back.
 *
 * <p>All samplers share a loop: it starts from a batch of noise; each step calls the denoiser,
 * computes the clean samples, corrects them (for example by clipping) and applies the sampler's
 * formula. A method with two denoiser calls per move reports two steps to the listener. {@link
 * org.diffusion4j.samplers.Timesteps} places the steps at timesteps, or at noise levels between
 * them.
 */
@NullMarked
package org.diffusion4j.samplers;

import org.jspecify.annotations.NullMarked;
