/**
 * Networks as ONNX files, and ONNX files as denoisers (docs/onnx.md).
 *
 * <p>{@link org.diffusion4j.onnx.OnnxExport} writes a network of this library to a file. {@link
 * org.diffusion4j.onnx.OnnxDenoiser} runs such a file, or one from elsewhere, on ONNX Runtime.
 */
@NullMarked
package org.diffusion4j.onnx;

import org.jspecify.annotations.NullMarked;
