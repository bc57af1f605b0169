package org.diffusion4j.example;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import javax.imageio.ImageIO;
import org.diffusion4j.SamplingCancelledException;
import org.diffusion4j.data.ImageFiles;
import org.diffusion4j.spring.DiffusionModel;
import org.diffusion4j.spring.SamplingRefusedException;
import org.springframework.http.HttpStatus;
import org.springframework.http.MediaType;
import org.springframework.web.bind.annotation.ExceptionHandler;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.ResponseStatus;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.method.annotation.MethodArgumentTypeMismatchException;

@RestController
class DigitsController {

  private final DiffusionModel digits;

  DigitsController(DiffusionModel digits) {
    this.digits = digits;
    ImageIO.setUseCache(false); // temporary files of ImageIO fail during a shutdown
  }

  // GET /digits?count=16&seed=7
  @GetMapping(path = "/digits", produces = MediaType.IMAGE_PNG_VALUE)
  byte[] digits(
      @RequestParam(name = "count", defaultValue = "16") int count,
      @RequestParam(name = "seed", required = false) Long seed)
      throws IOException {
    var request = digits.request(count);
    if (seed != null) {
      request.seed(seed);
    }
    try (var result = digits.sample(request.build())) {
      var png = new ByteArrayOutputStream();
      ImageIO.write(ImageFiles.grid(result.samples(), 4, 8), "png", png);
      return png.toByteArray();
    }
  }

  @ExceptionHandler({SamplingRefusedException.class, SamplingCancelledException.class})
  @ResponseStatus(HttpStatus.SERVICE_UNAVAILABLE)
  String refused(RuntimeException e) {
    return e.getMessage();
  }

  @ExceptionHandler
  @ResponseStatus(HttpStatus.BAD_REQUEST)
  String wrong(IllegalArgumentException e) {
    return e.getMessage();
  }

  @ExceptionHandler
  @ResponseStatus(HttpStatus.BAD_REQUEST)
  String wrongType(MethodArgumentTypeMismatchException e) {
    return e.getName() + " must be a whole number";
  }
}
