// What the face says: numbers with their meaning, and sentences on what has just happened.

/** Rows of the table of numbers: [name, label, meaning, is only for points]. */
const NUMBERS = [
  ["d_loss", "Loss of D", "What the discriminator minimises.", false],
  ["g_loss", "Loss of G", "What the generator minimises.", false],
  ["d_real", "D(real)", "Mean opinion of the discriminator on real data of the last turn.", false],
  ["d_fake", "D(fake)", "Mean opinion of the discriminator on generated data of the last turn.", false],
  ["g_norm", "Gradient of G", "Norm of the generator’s gradient in its last turn; near 0, it no longer learns.", false],
  ["modes", "Modes found", "Clusters of the data that generated points reach.", true],
  ["precision", "Precision", "Share of generated points that lie among real ones.", true],
  ["recall", "Recall", "Share of real points that lie among generated ones.", true],
];

/** Return one sentence on a part of a step. */
function tellPart(part, {isPoints, batch, isGradientShown}) {
  const [count, kind] = [batch.toLocaleString("en"), isPoints ? "points" : "pictures"];
  return {
    deal: `A batch is dealt: ${count} real ${kind}, and noise from which the generator makes as many of its own.`,
    d: `The discriminator has learnt from ${count} real and ${count} generated ${kind}: its ${isPoints ? "map changes" : "opinions change"}.`,
    gradients: isPoints
      ? `The discriminator says for each generated point where it would look more real${isGradientShown ? ": the arrows" : ""}.`
      : "The discriminator says for each generated picture which pixels should be brighter or darker.",
    g: isPoints
      ? "The generator has learnt: its points move to where the discriminator takes them for real."
      : "The generator has learnt: its pictures change to what the discriminator takes for real.",
    both: `Both have learnt from ${count} real and ${count} generated ${kind}: first the discriminator, then the generator.`,
  }[part] ?? "";
}

/** Return one sentence on how the game stands, on each board. */
function summarise({step, boards}, {names, is_probability: isProbability}) {
  const parts = boards.map((board, index) => {
    const told = standing(board, isProbability[index]);
    return told && names[index] ? `${names[index]}: ${told}` : told;
  });
  const told = parts.filter(Boolean).join(" · ");
  return `Step ${step.toLocaleString("en")}${told ? `: ${told}` : ""}.`;
}

function standing({d_real: real, d_fake: fake, modes}, isProbability) {
  const parts = [];
  if (real !== null && fake !== null) {
    const gap = real - fake;
    if (!isProbability) parts.push(`D gives ${short(real)} to real and ${short(fake)} to generated data`);
    else if (gap > 0.6) parts.push(`D easily tells real from generated (${short(real)} against ${short(fake)})`);
    else if (gap < -0.15) parts.push(`D takes generated data for more real than the real (${short(fake)} against ${short(real)})`);
    else if (gap > 0.15) parts.push(`D tells real from generated more often than not (${short(real)} against ${short(fake)})`);
    else parts.push(`D can hardly tell real from generated (${short(real)} against ${short(fake)})`);
  }
  if (modes) parts.push(`${modes[0]} of ${modes[1]} modes found`);
  return parts.join("; ");
}
