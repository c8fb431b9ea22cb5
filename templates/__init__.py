"""Templates as data: questions and answers, conversation formats, the prompt of rewriting."""
