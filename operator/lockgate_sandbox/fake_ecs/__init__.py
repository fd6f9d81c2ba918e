"""A stand-in for Amazon ECS, as far as services, their deployments and task definitions go.

Every request and every answer is held against botocore's model of the service, words of an enumeration
included, so that nothing passes that AWS could not take or send. Time is what a test says that it is.

What it does not prove: rights (any signature will do), load balancers (weights are numbers and nobody is
sent anywhere), how long things take at AWS, and what AWS does where its documentation is silent.
"""
